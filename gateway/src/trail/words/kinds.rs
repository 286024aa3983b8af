//! What kind of information each resource type holds, in everyday words: in the middle of a sentence.

/// What kind of information a resource type holds.
#[must_use]
pub(in crate::trail) fn kind(resource_type: &str) -> &'static str {
    about_care(resource_type)
        .or_else(|| about_services(resource_type))
        .or_else(|| about_machinery(resource_type))
        .unwrap_or("other parts of your record")
}

fn about_care(resource_type: &str) -> Option<&'static str> {
    Some(match resource_type {
        "Patient" | "Person" => "your name and personal details",
        "RelatedPerson" => "family and friends",
        "FamilyMemberHistory" => "health of your family",
        "Condition" | "ClinicalImpression" => "health problems",
        "AllergyIntolerance" => "allergies",
        "AdverseEvent" | "DetectedIssue" | "MedicinalProductUndesirableEffect" => "problems with a treatment",
        "MedicationRequest"
        | "MedicationStatement"
        | "MedicationAdministration"
        | "MedicationDispense"
        | "Medication"
        | "MedicationKnowledge" => "medicines",
        "Observation" | "DiagnosticReport" | "MolecularSequence" => "test results and measurements",
        "Specimen" => "samples",
        "ImagingStudy" | "Media" => "scans and pictures",
        "BodyStructure" => "parts of the body",
        "Procedure" => "operations and treatments",
        "Immunization" | "ImmunizationEvaluation" | "ImmunizationRecommendation" => "vaccinations",
        "NutritionOrder" => "diet",
        "VisionPrescription" => "glasses and contact lenses",
        "BiologicallyDerivedProduct" => "blood and tissue",
        "Device" | "DeviceRequest" | "DeviceUseStatement" | "DeviceMetric" => "equipment and implants",
        "SupplyRequest" | "SupplyDelivery" => "supplies",
        "RiskAssessment" | "GuidanceResponse" => "risks to your health",
        "Encounter" | "EpisodeOfCare" => "hospital stays and visits",
        "Appointment" | "AppointmentResponse" | "Schedule" | "Slot" => "appointments",
        "CarePlan" | "Goal" | "RequestGroup" => "care plans and goals",
        "CareTeam" => "the people who care for you",
        "ServiceRequest" | "Task" => "referrals and requests",
        "Communication" | "CommunicationRequest" | "MessageHeader" => "messages",
        "Composition" | "DocumentReference" | "DocumentManifest" | "Binary" | "Bundle" => {
            "letters and documents"
        }
        "Flag" => "alerts",
        "List" | "Linkage" | "Basic" | "Group" => "lists in your record",
        "QuestionnaireResponse" | "Questionnaire" => "answers to questions",
        "ResearchSubject" | "ResearchStudy" => "research that you take part in",
        "Consent" | "Contract" => "your choices about sharing",
        "AuditEvent" => "the list of who has looked at your record",
        "Provenance" | "VerificationResult" => "where information came from",
        _ => return None,
    })
}

fn about_services(resource_type: &str) -> Option<&'static str> {
    Some(match resource_type {
        "Practitioner" | "PractitionerRole" => "names of staff",
        "Organization" | "OrganizationAffiliation" => "names of organisations",
        "HealthcareService" | "Endpoint" => "care services",
        "Location" => "places of care",
        "Account"
        | "ChargeItem"
        | "ChargeItemDefinition"
        | "Claim"
        | "ClaimResponse"
        | "Coverage"
        | "CoverageEligibilityRequest"
        | "CoverageEligibilityResponse"
        | "EnrollmentRequest"
        | "EnrollmentResponse"
        | "ExplanationOfBenefit"
        | "InsurancePlan"
        | "Invoice"
        | "PaymentNotice"
        | "PaymentReconciliation" => "payments",
        "MedicinalProduct"
        | "MedicinalProductAuthorization"
        | "MedicinalProductContraindication"
        | "MedicinalProductIndication"
        | "MedicinalProductIngredient"
        | "MedicinalProductInteraction"
        | "MedicinalProductManufactured"
        | "MedicinalProductPackaged"
        | "MedicinalProductPharmaceutical"
        | "Substance"
        | "SubstanceNucleicAcid"
        | "SubstancePolymer"
        | "SubstanceProtein"
        | "SubstanceReferenceInformation"
        | "SubstanceSourceMaterial"
        | "SubstanceSpecification" => "facts about medicines",
        _ => return None,
    })
}

fn about_machinery(resource_type: &str) -> Option<&'static str> {
    Some(match resource_type {
        "Evidence"
        | "EvidenceVariable"
        | "EffectEvidenceSynthesis"
        | "RiskEvidenceSynthesis"
        | "ResearchDefinition"
        | "ResearchElementDefinition"
        | "Measure"
        | "MeasureReport" => "facts from research",
        "ActivityDefinition" | "PlanDefinition" | "EventDefinition" | "Library" => "instructions for care",
        "CapabilityStatement"
        | "CatalogEntry"
        | "CodeSystem"
        | "CompartmentDefinition"
        | "ConceptMap"
        | "DeviceDefinition"
        | "ExampleScenario"
        | "GraphDefinition"
        | "ImplementationGuide"
        | "MessageDefinition"
        | "NamingSystem"
        | "ObservationDefinition"
        | "OperationDefinition"
        | "OperationOutcome"
        | "Parameters"
        | "SearchParameter"
        | "SpecimenDefinition"
        | "StructureDefinition"
        | "StructureMap"
        | "Subscription"
        | "TerminologyCapabilities"
        | "TestReport"
        | "TestScript"
        | "ValueSet" => "settings of computer systems",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_type_that_an_agreement_can_name_has_words() {
        let none: Vec<&str> = fhir::tables::resource_types()
            .map(fhir::tables::TypeId::name)
            .filter(|name| kind(name) == kind("Unheard"))
            .collect();
        assert_eq!(none, [""; 0]);
    }
}
