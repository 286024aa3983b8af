//! Scripts in XML.

use super::Case;

pub(super) const CASES: &[Case] = &[
    (
        "STU3 in XML: XPath over XML with a prefix, and without",
        "xml",
        r##"<TestScript xmlns="http://hl7.org/fhir"><name value="S"/><status value="active"/><test><name value="t"/>
            <action><operation><type><system value="http://hl7.org/fhir/testscript-operation-codes"/><code value="read"/></type><resource value="Patient"/><accept value="xml"/><params value="/p1"/></operation></action>
            <action><assert><contentType value="xml"/><warningOnly value="false"/></assert></action>
            <action><assert><operator value="equals"/><path value="fhir:Patient/fhir:name/fhir:given[2]/@value"/><value value="Bea"/><warningOnly value="false"/></assert></action>
            <action><assert><path value="/Patient/active/@value"/><value value="true"/><warningOnly value="false"/></assert></action>
            <action><assert><path value="count(fhir:Patient/fhir:name)"/><value value="2"/><warningOnly value="false"/></assert></action></test></TestScript>"##,
        "t=pass pass pass pass fail",
    ),
    (
        "STU3 in XML: minimumId and a comparison with a file, across formats",
        "xml",
        r##"<TestScript xmlns="http://hl7.org/fhir"><name value="S"/><status value="active"/><fixture id="f"><resource><reference value="f.json"/></resource></fixture><test><name value="t"/>
            <action><operation><type><system value="http://hl7.org/fhir/testscript-operation-codes"/><code value="read"/></type><resource value="Patient"/><accept value="xml"/><params value="/p1"/></operation></action>
            <action><assert><minimumId value="f"/><warningOnly value="false"/></assert></action>
            <action><assert><compareToSourceId value="f"/><compareToSourcePath value="fhir:Patient/fhir:active/@value"/><path value="fhir:Patient/fhir:active/@value"/><warningOnly value="false"/></assert></action></test></TestScript>"##,
        "t=pass pass pass",
    ),
    (
        "STU3 in XML: rules of its own elements are told as unsupported",
        "xml",
        r##"<TestScript xmlns="http://hl7.org/fhir"><name value="S"/><status value="active"/><rule id="r"><resource><reference value="r.groovy"/></resource></rule><test><name value="t"/>
            <action><operation><type><system value="http://hl7.org/fhir/testscript-operation-codes"/><code value="read"/></type><resource value="Patient"/><accept value="xml"/><params value="/p1"/></operation></action>
            <action><assert><rule><ruleId value="r"/></rule><warningOnly value="false"/></assert></action></test></TestScript>"##,
        "t=pass error",
    ),
    (
        "STU3 in XML: conformance, and a profile as a Reference",
        "xml",
        r##"<TestScript xmlns="http://hl7.org/fhir"><name value="S"/><status value="active"/><profile id="p"><reference value="urn:p"/></profile><test><name value="t"/>
            <action><operation><type><code value="conformance"/></type></operation></action>
            <action><assert><resource value="CapabilityStatement"/><warningOnly value="false"/></assert></action>
            <action><assert><requestURL value="/metadata"/><warningOnly value="false"/></assert></action></test></TestScript>"##,
        "t=pass pass pass",
    ),
    (
        "XML with a prefix for FHIR and comments",
        "xml",
        r##"<?xml version="1.0"?><!-- a --><f:TestScript xmlns:f="http://hl7.org/fhir"><f:name value="S"/><f:status value="active"/><f:test><f:name value="t"/><!-- b --><f:action><f:operation><f:type><f:code value="read"/></f:type><f:resource value="Patient"/><f:params value="/p1"/></f:operation></f:action><f:action><f:assert><f:response value="okay"/></f:assert></f:action></f:test></f:TestScript>"##,
        "t=pass pass",
    ),
    (
        "R4 in XML: a contained fixture, created, and read back in JSON",
        "xml",
        r##"<TestScript xmlns="http://hl7.org/fhir"><name value="S"/><status value="active"/><contained><Patient><id value="c"/><active value="true"/></Patient></contained><fixture id="f"><resource><reference value="#c"/></resource></fixture><test><name value="t"/>
            <action><operation><type><code value="create"/></type><contentType value="json"/><accept value="json"/><sourceId value="f"/></operation></action>
            <action><assert><response value="created"/><warningOnly value="false"/></assert></action>
            <action><assert><direction value="request"/><headerField value="Content-Type"/><operator value="contains"/><value value="json"/><warningOnly value="false"/></assert></action>
            <action><assert><direction value="request"/><expression value="Patient.active"/><warningOnly value="false"/></assert></action></test></TestScript>"##,
        "t=pass pass pass pass",
    ),
    (
        "R5 in XML: expressions with their language, stop and requirements",
        "xml",
        r##"<TestScript xmlns="http://hl7.org/fhir"><name value="S"/><status value="active"/><variable><name value="id"/><expression><language value="text/fhirpath"/><expression value="Patient.id"/></expression></variable><test><name value="t"/>
            <action><operation><type><code value="read"/></type><resource value="Patient"/><params value="/p1"/></operation></action>
            <action><assert><expression><language value="application/xml"/><expression value="fhir:Patient/fhir:id/@value"/></expression><value value="${id}"/><stopTestOnFail value="false"/></assert></action>
            <action><assert><requirement><linkCanonical value="urn:r"/></requirement><expression value="Patient.active"/></assert></action></test></TestScript>"##,
        "t=pass pass pass",
    ),
    (
        "R4 in XML: a value with letters that XML escapes, and a search with several parameters",
        "xml",
        r##"<TestScript xmlns="http://hl7.org/fhir"><name value="S"/><status value="active"/><test><name value="t"/>
            <action><operation><type><code value="search"/></type><resource value="Patient"/><params value="?name=a&amp;_sort=-birthdate&amp;_count=5"/></operation></action>
            <action><assert><requestURL value="/Patient?name=a&amp;_sort=-birthdate&amp;_count=5"/></assert></action>
            <action><assert><expression value="Bundle.total &gt; 2 and Bundle.link.where(relation = 'next').exists()"/></assert></action></test></TestScript>"##,
        "t=pass pass pass",
    ),
];
