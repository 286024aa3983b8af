//! Invented people and their records, of the size and shape of real ones. NHS numbers of the test range 999.

/// A Patient of about 2 kB in the manner of UK Core.
pub(crate) fn patient() -> String {
    person(0)
}

/// A searchset of at least `bytes` bytes.
pub(crate) fn searchset(bytes: usize) -> String {
    let mut out = String::from(
        r#"{"resourceType":"Bundle","id":"b","type":"searchset","link":[{"relation":"self","url":"http://ehr.example/CANARY"}],"entry":["#,
    );
    let mut number = 0;
    while out.len() < bytes {
        if number > 0 {
            out.push(',');
        }
        let resource = match number % 9 {
            0 => person(number),
            1 | 2 => condition(number),
            3 => medication(number),
            4 => encounter(number),
            _ => observation(number),
        };
        out.push_str(&format!(r#"{{"fullUrl":"http://ehr.example/fhir/x/{number}","resource":{resource},"search":{{"mode":"match"}}}}"#));
        number += 1;
    }
    out.push_str("]}");
    out
}

fn meta(number: usize) -> String {
    format!(
        r#""meta":{{"versionId":"{number}","lastUpdated":"2026-03-04T05:06:07.123+00:00","source":"urn:CANARY","profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Resource"]}}"#
    )
}

fn narrative(number: usize) -> String {
    if !number.is_multiple_of(3) {
        return String::new();
    }
    format!(
        r#""text":{{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p><b>CANARY {number}</b></p><table class=\"grid\"><tr><td>Invented, Ann</td><td>25/01/1970</td></tr></table></div>"}},"#
    )
}

fn subject(number: usize) -> String {
    format!(r#"{{"reference":"Patient/p{}","display":"CANARY Ann"}}"#, number - number % 9)
}

/// A valid number of the test range.
fn nhs_number(number: usize) -> String {
    let mut nine = 999_000_000 + number * 7;
    loop {
        let digits: Vec<usize> = nine.to_string().bytes().map(|digit| usize::from(digit - b'0')).collect();
        let sum: usize = digits.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
        match 11 - sum % 11 {
            11 => return format!("{nine}0"),
            10 => nine += 1,
            check => return format!("{nine}{check}"),
        }
    }
}

fn person(number: usize) -> String {
    let (meta, text, nhs) = (meta(number), narrative(number), nhs_number(number));
    format!(
        concat!(
            r#"{{"resourceType":"Patient","id":"p{number}",{meta},{text}"extension":[{{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory","#,
            r#""valueCodeableConcept":{{"coding":[{{"system":"https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategory","code":"A","display":"CANARY"}}]}}}}],"#,
            r#""identifier":[{{"extension":[{{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus","valueCodeableConcept":{{"coding":[{{"code":"01"}}]}}}}],"#,
            r#""system":"https://fhir.nhs.uk/Id/nhs-number","value":"{nhs}"}},{{"use":"secondary","system":"https://hospital.example/mrn","value":"CANARY{number}"}}],"#,
            r#""active":true,"name":[{{"use":"official","family":"Invented{number}","given":["Ann","Beatrice"],"prefix":["Ms"]}}],"#,
            r#""telecom":[{{"system":"phone","value":"CANARY 01632 960587","use":"home"}},{{"system":"email","value":"CANARY@example.com","use":"home"}}],"#,
            r#""gender":"female","birthDate":"1970-01-25","_birthDate":{{"extension":[{{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthTime","valueDateTime":"1970-01-25T14:35:45Z"}}]}},"#,
            r#""address":[{{"use":"home","type":"both","line":["1 Trevelyan Square","Boar Lane"],"city":"CANARY Leeds","district":"CANARY","postalCode":"ZZ99 3AA","period":{{"start":"2020-01-01"}}}}],"#,
            r#""maritalStatus":{{"coding":[{{"code":"M","display":"CANARY"}}]}},"contact":[{{"relationship":[{{"text":"CANARY"}}],"name":{{"family":"CANARY","given":["Rob"]}},"telecom":[{{"system":"phone","value":"CANARY"}}]}}],"#,
            r#""communication":[{{"language":{{"coding":[{{"code":"en","display":"CANARY"}}]}},"preferred":true}}],"#,
            r#""generalPractitioner":[{{"reference":"Organization/gp1","display":"CANARY surgery"}}],"managingOrganization":{{"reference":"Organization/CANARY"}}}}"#,
        ),
        number = number,
        meta = meta,
        text = text,
        nhs = nhs,
    )
}

fn condition(number: usize) -> String {
    format!(
        concat!(
            r#"{{"resourceType":"Condition","id":"c{number}",{meta},{text}"clinicalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}}]}},"#,
            r#""verificationStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}}]}},"#,
            r#""category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item","display":"Problem List Item"}}]}}],"#,
            r#""code":{{"coding":[{{"system":"http://snomed.info/sct","code":"195967001","display":"Asthma"}}],"text":"Asthma"}},"subject":{subject},"#,
            r#""encounter":{{"reference":"Encounter/CANARY"}},"onsetDateTime":"2011-05-06T07:08:09+01:00","recordedDate":"2011-05-06","recorder":{{"reference":"Practitioner/CANARY"}},"#,
            r#""note":[{{"authorString":"CANARY","time":"2011-05-06","text":"CANARY a free text about the person that is somewhat longer than the rest"}}]}}"#,
        ),
        number = number,
        meta = meta(number),
        text = narrative(number),
        subject = subject(number),
    )
}

fn observation(number: usize) -> String {
    format!(
        concat!(
            r#"{{"resourceType":"Observation","id":"o{number}",{meta},{text}"status":"final","#,
            r#""category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"vital-signs"}}]}}],"#,
            r#""code":{{"coding":[{{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel"}}],"text":"Blood pressure"}},"subject":{subject},"#,
            r#""encounter":{{"reference":"Encounter/e{number}"}},"effectiveDateTime":"2026-02-03T04:05:06+00:00","issued":"2026-02-03T04:05:06.789+00:00","performer":[{{"reference":"Practitioner/CANARY","display":"CANARY"}}],"#,
            r#""interpretation":[{{"text":"CANARY"}}],"component":[{{"code":{{"coding":[{{"system":"http://loinc.org","code":"8462-4","display":"Diastolic"}}]}},"valueQuantity":{{"value":78.50,"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}}},"#,
            r#"{{"code":{{"coding":[{{"system":"http://loinc.org","code":"8480-6","display":"Systolic"}}]}},"valueQuantity":{{"value":121.00,"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}}}]}}"#,
        ),
        number = number,
        meta = meta(number),
        text = narrative(number),
        subject = subject(number),
    )
}

fn medication(number: usize) -> String {
    format!(
        concat!(
            r#"{{"resourceType":"MedicationRequest","id":"m{number}",{meta},{text}"status":"active","intent":"order","#,
            r#""medicationCodeableConcept":{{"coding":[{{"system":"https://dmd.nhs.uk","code":"39113611000001102","display":"Salbutamol 100micrograms/dose inhaler"}}],"text":"Salbutamol"}},"#,
            r#""subject":{subject},"encounter":{{"reference":"Encounter/e{number}"}},"authoredOn":"2026-01-02","requester":{{"reference":"Practitioner/CANARY","display":"CANARY"}},"reasonCode":[{{"text":"CANARY"}}],"#,
            r#""dosageInstruction":[{{"sequence":1,"text":"two puffs when needed","timing":{{"repeat":{{"frequency":1,"period":1.0,"periodUnit":"d"}}}},"asNeededBoolean":true,"doseAndRate":[{{"doseQuantity":{{"value":2.0}}}}]}}]}}"#,
        ),
        number = number,
        meta = meta(number),
        text = narrative(number),
        subject = subject(number),
    )
}

fn encounter(number: usize) -> String {
    format!(
        concat!(
            r#"{{"resourceType":"Encounter","id":"e{number}",{meta},{text}"status":"finished","class":{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"}},"#,
            r#""type":[{{"coding":[{{"system":"http://snomed.info/sct","code":"162673000","display":"General examination"}}],"text":"General examination"}}],"subject":{subject},"#,
            r#""participant":[{{"individual":{{"reference":"Practitioner/CANARY","display":"CANARY"}}}}],"period":{{"start":"2026-02-03T04:05:06+00:00","end":"2026-02-03T04:20:06+00:00"}},"#,
            r#""location":[{{"location":{{"reference":"Location/CANARY"}}}}],"serviceProvider":{{"reference":"Organization/CANARY","display":"CANARY"}}}}"#,
        ),
        number = number,
        meta = meta(number),
        text = narrative(number),
        subject = subject(number),
    )
}
