//! Scripts as others write them, each written here by hand, and the verdicts that TestScript, HL7's testing guide and the makers
//! of dialects ask for.

use conformance::script::Options;

use crate::script_support::{Asked, Said, folder, outcomes, run_in, said, server, words};

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p1","meta":{"versionId":"3"},"active":true,
    "name":[{"family":"Zzcanary","given":["Ann","Bea"]}]}"#;

const PATIENT_IN_XML: &str = r#"<Patient xmlns="http://hl7.org/fhir"><id value="p1"/><meta><versionId value="3"/></meta><active value="true"/>
    <name><family value="Zzcanary"/><given value="Ann"/><given value="Bea"/></name></Patient>"#;

const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"o1","status":"final","effectiveDateTime":"2028-02-29T10:30:00+01:00",
    "valueQuantity":{"value":6.30,"unit":"mmol/L"}}"#;

/// A small server, right in what it does.
fn desk(asked: &Asked) -> Said {
    let (method, path) = asked.line.split_once(' ').unwrap();
    let is_xml = asked.header("accept").is_some_and(|accept| accept.contains("xml"));
    let path = path.split_once("/_history/").map_or(path, |(resource, _)| resource);
    let (status, mut headers, body) = match (method, path) {
        ("GET", "/Patient/p1") if is_xml => {
            (200, vec![("content-type", "application/fhir+xml".to_owned())], PATIENT_IN_XML.to_owned())
        }
        ("GET", "/Patient/p1") => said(200, PATIENT),
        ("GET", "/Observation/o1") => said(200, OBSERVATION),
        ("GET", "/Patient/bad") => said(422, r#"{"resourceType":"OperationOutcome"}"#),
        ("GET", "/metadata") => said(200, r#"{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}"#),
        ("POST", "/Patient") => said(201, PATIENT),
        ("DELETE", _) => (204, Vec::new(), String::new()),
        (_, path)
            if path.starts_with("/Patient?") || path == "/Patient/_search" || path.ends_with("/_history") =>
        {
            said(
                200,
                r#"{"resourceType":"Bundle","type":"searchset","total":3,"link":[{"relation":"self","url":"x"},{"relation":"next","url":"y"}]}"#,
            )
        }
        _ => said(404, r#"{"resourceType":"OperationOutcome"}"#),
    };
    if status == 201 {
        headers.push(("location", "Patient/p1/_history/3".to_owned()));
    }
    headers.push(("etag", "W/\"3\"".to_owned()));
    (status, headers, body)
}

/// What a script is about, its format, its text, and the outcomes of the actions of each of its parts.
const CASES: &[(&str, &str, &str, &str)] = &[
    (
        "R4: a decimal equals by value and not by its letters",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Observation","params":"/o1"}},
            {"assert":{"expression":"Observation.value.value","value":"6.3"}},
            {"assert":{"expression":"Observation.value.value","operator":"greaterThan","value":"6.25"}},
            {"assert":{"expression":"Observation.value.value","operator":"lessThan","value":"6.250","warningOnly":true}}]}]}"##,
        "t=pass pass pass warning",
    ),
    (
        "R4: dates told to another precision are compared as far as both are told",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Observation","params":"/o1"}},
            {"assert":{"expression":"Observation.effective","operator":"greaterThan","value":"2027"}},
            {"assert":{"expression":"Observation.effective","operator":"lessThan","value":"2028-03-01"}},
            {"assert":{"expression":"Observation.effective","operator":"greaterThan","value":"next week"}}]}]}"##,
        "t=pass pass pass fail",
    ),
    (
        "R4: a list of statuses wants an operator",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"responseCode":"200,201","operator":"in"}}]},
            {"name":"u","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"responseCode":"200,201"}}]},
            {"name":"v","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"responseCode":"404, 410","operator":"notIn"}}]}]}"##,
        "t=pass pass;u=pass fail;v=pass pass",
    ),
    (
        "R4: several values where one is wanted fail, and each of them counts for in and contains",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"expression":"Patient.name.given","operator":"in","value":"Ann, Bea,Cat"}},
            {"assert":{"expression":"Patient.name.given","operator":"contains","value":"ea"}},
            {"assert":{"expression":"Patient.name.given","operator":"notContains","value":"Ann"}}]},
            {"name":"u","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"expression":"Patient.name.given","value":"Ann"}}]}]}"##,
        "t=pass pass pass fail;u=pass fail",
    ),
    (
        "R4: an expression without a value is true or false, and what is there is true",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"expression":"Patient.name"}},
            {"assert":{"expression":"Patient.active = true and Patient.deceased.exists().not()"}},
            {"assert":{"expression":"Patient.photo"}}]}]}"##,
        "t=pass pass pass fail",
    ),
    (
        "R5: stopTestOnFail false goes on, true and nothing end the test",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"response":"created","stopTestOnFail":false}},
            {"assert":{"response":"okay","stopTestOnFail":true}},
            {"assert":{"resource":"Group","stopTestOnFail":true}},
            {"assert":{"response":"okay"}}]},
            {"name":"u","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"response":"okay"}}]}]}"##,
        "t=pass fail pass fail skip;u=pass pass",
    ),
    (
        "R5: what only a person can judge comes to what the script says",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"expression":"Patient.name","operator":"manualEval","defaultManualCompletion":"pass"}},
            {"assert":{"expression":"Patient.name","operator":"manualEval"}}]},
            {"name":"u","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"expression":"Patient.name","operator":"manualEval","defaultManualCompletion":"fail"}}]},
            {"name":"v","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"expression":"Patient.name","operator":"manualEval","defaultManualCompletion":"stop"}},
            {"assert":{"response":"okay"}}]}]}"##,
        "t=pass pass skip;u=pass fail;v=pass skip skip",
    ),
    (
        "R5: codes of statuses, types as canonicals, profiles as canonicals, requirements",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","profile":[{"id":"p","value":"urn:x"}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/none"}},
            {"assert":{"response":"notFound","requirement":[{"linkUri":"urn:r"}]}}]},
            {"name":"u","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"resource":"http://hl7.org/fhir/StructureDefinition/Patient"}}]},
            {"name":"v","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/bad"}},
            {"assert":{"response":"unprocessableContent"}},
            {"assert":{"response":"unprocessable","operator":"notEquals"}}]}]}"##,
        "t=pass pass;u=pass pass;v=pass pass fail",
    ),
    (
        "R4B: the type of a header of content is held by essence, parameters or word",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"contentType":"json"}},
            {"assert":{"contentType":"application/fhir+json"}},
            {"assert":{"contentType":"application/fhir+json; charset=UTF-8","operator":"equals"}},
            {"assert":{"contentType":"xml","operator":"notEquals"}},
            {"assert":{"contentType":"fhir+xml"}}]}]}"##,
        "t=pass pass pass pass pass fail",
    ),
    (
        "R4: fields of a request and of an answer, in any case",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1","requestHeader":[{"field":"X-Trace","value":"Ab1"},{"field":"Accept","value":"application/fhir+json"}],"accept":"xml"}},
            {"assert":{"headerField":"x-trace","direction":"request","value":"Ab1"}},
            {"assert":{"headerField":"ACCEPT","direction":"request","operator":"contains","value":"json"}},
            {"assert":{"headerField":"etag","operator":"equals","value":"W/\"3\""}},
            {"assert":{"headerField":"X-Nobody","operator":"empty"}},
            {"assert":{"headerField":"X-Nobody","operator":"notEmpty"}}]}]}"##,
        "t=pass pass pass pass pass fail",
    ),
    (
        "R4: minimumId counts duplicates, leaves order free and looks at no id of the resource",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","fixture":[{"id":"few","resource":{"resourceType":"Patient","id":"other","name":[{"given":["Bea","Ann"]}]}},{"id":"twice","resource":{"resourceType":"Patient","name":[{"given":["Ann","Ann"]}]}}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"minimumId":"few"}}]},
            {"name":"u","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"minimumId":"twice"}}]}]}"##,
        "t=pass pass;u=pass fail",
    ),
    (
        "R4: a value stands before what is compared with; names fill both",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","variable":[{"name":"n","defaultValue":"Ann"}],"fixture":[{"id":"f","resource":{"resourceType":"Patient","name":[{"given":["${n}"]}]}}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"expression":"Patient.name.given.first()","compareToSourceId":"f","compareToSourceExpression":"Patient.name.given"}},
            {"assert":{"expression":"Patient.name.given.last()","compareToSourceId":"f","compareToSourceExpression":"Patient.name.given","operator":"notEquals"}},
            {"assert":{"expression":"Patient.name.given.last()","compareToSourceId":"f","compareToSourceExpression":"Patient.name.given"}}]}]}"##,
        "t=pass pass pass fail",
    ),
    (
        "R4: a variable of the last answer is read anew at each use; a header and a default are values too",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","variable":[{"name":"id","expression":"id"},
            {"name":"tag","headerField":"ETag"},
            {"name":"dflt","defaultValue":"p${x}"},
            {"name":"x","defaultValue":"1"}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"expression":"'${id}'","value":"p1"}},
            {"operation":{"type":{"code":"read"},"resource":"Observation","params":"/o1"}},
            {"assert":{"expression":"'${id}'","value":"o1"}},
            {"assert":{"headerField":"ETag","value":"${tag}"}},
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/${dflt}"}},
            {"assert":{"response":"okay"}}]}]}"##,
        "t=pass pass pass pass pass pass pass",
    ),
    (
        "R4: a variable that finds several values or an element is an error, and so is what it is used in",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","variable":[{"name":"several","sourceId":"r","expression":"Patient.name.given"},
            {"name":"whole","sourceId":"r","expression":"Patient.name"}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1","responseId":"r"}},
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/${several}"}}]},
            {"name":"u","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/${whole}"}}]},
            {"name":"v","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"expression":"Patient.id","value":"${nobody}"}}]}]}"##,
        "t=pass error;u=error;v=pass error",
    ),
    (
        "R4: an operation that fails has to be asserted; a warning does not undo a verdict",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/none"}}]},
            {"name":"u","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/none"}},
            {"assert":{"response":"okay","warningOnly":true}},
            {"assert":{"response":"notFound"}}]}]}"##,
        "t=fail;u=pass warning pass",
    ),
    (
        "R4: a target that was created lies where the server said",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","fixture":[{"id":"f","resource":{"resourceType":"Patient","id":"mine","active":true}}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"create"},"sourceId":"f","responseId":"made"}},
            {"operation":{"type":{"code":"read"},"targetId":"made"}},
            {"assert":{"requestURL":"/Patient/p1"}},
            {"operation":{"type":{"code":"read"},"targetId":"f"}},
            {"assert":{"requestURL":"/Patient/p1"}},
            {"operation":{"type":{"code":"vread"},"targetId":"made"}},
            {"assert":{"requestURL":"/Patient/p1/_history/3"}},
            {"operation":{"type":{"code":"history"},"targetId":"made"}},
            {"assert":{"requestURL":"Patient/p1/_history","operator":"contains"}}]}]}"##,
        "t=pass pass pass pass pass pass pass pass pass",
    ),
    (
        "R4: a search is sent as the script says it, by form where it posts",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"search"},"resource":"Patient","params":"?name=O'Neil&birthdate=ge2020-01-01T00:00:00+01:00"}},
            {"assert":{"requestURL":"%2B01:00","operator":"contains"}},
            {"operation":{"type":{"code":"search"},"method":"POST","resource":"Patient","params":"?name=x"}},
            {"assert":{"requestURL":"/Patient/_search"}},
            {"assert":{"requestMethod":"post"}},
            {"assert":{"headerField":"Content-Type","direction":"request","operator":"contains","value":"x-www-form-urlencoded"}}]}]}"##,
        "t=pass pass pass pass pass pass",
    ),
    (
        "R4: navigation links to the letter",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"search"},"resource":"Patient","params":"?name=x"}},
            {"assert":{"navigationLinks":true}}]},
            {"name":"u","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"navigationLinks":false}}]}]}"##,
        "t=pass fail;u=pass pass",
    ),
    (
        "Touchstone: an assert may end nothing, and a rule that nobody knows is unsupported",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"response":"created","extension":[{"url":"http://touchstone.aegis.net/touchstone/fhir/testing/StructureDefinition/testscript-assert-stopTestOnFail","valueBoolean":false}]}},
            {"assert":{"response":"okay"}},
            {"assert":{"extension":[{"url":"http://touchstone.aegis.net/touchstone/fhir/testing/StructureDefinition/testscript-assert-rule","extension":[{"url":"ruleId","valueId":"nobody-knows"}]}]}}]}]}"##,
        "t=pass fail pass error",
    ),
    (
        "Ignixa: one of a group holds, a condition on a status, paths for variables",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","variable":[{"name":"id","sourceId":"r","path":"id"}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1","responseId":"r"}},
            {"assert":{"response":"notFound","extension":[{"url":"http://ignixa.io/testscript/assertionAnyOfGroup","valueString":"g"}]}},
            {"assert":{"response":"okay","extension":[{"url":"http://ignixa.io/testscript/assertionAnyOfGroup","valueString":"g"}]}},
            {"assert":{"resource":"OperationOutcome","extension":[{"url":"http://ignixa.io/testscript/assertionWhenResponseStatus","extension":[{"url":"status","valueInteger":404}]}]}},
            {"operation":{"type":{"code":"read"},"url":"Patient/${id}"}},
            {"assert":{"response":"okay"}}]}]}"##,
        "t=pass skip pass skip pass pass",
    ),
    (
        "Interoplab: a parameter of a query, whether it is there and what it is",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"search"},"resource":"Patient","params":"?identifier=urn:s|1&name=x","encodeRequestUrl":true}},
            {"assert":{"direction":"request","value":"urn:s|1","extension":[{"url":"http://fhir.interoplab.eu/fhir/StructureDefinition/Interoplab-CL-ext-assert-query-parameter","valueString":"identifier"}]}},
            {"assert":{"direction":"request","extension":[{"url":"http://fhir.interoplab.eu/fhir/StructureDefinition/Interoplab-CL-ext-assert-query-parameter","valueString":"family"}]}}]}]}"##,
        "t=pass pass fail",
    ),
    (
        "R4: a setup that fails leaves the tests out and the teardown runs",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","setup":{"action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/none"}},
            {"assert":{"response":"okay"}}]},"teardown":{"action":[
            {"operation":{"type":{"code":"delete"},"resource":"Patient","params":"/p1"}}]},"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}}]}]}"##,
        "setup=pass fail;t=;teardown=pass",
    ),
    (
        "R6: common actions, in a test and in a setup",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","common":[{"key":"k","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"response":"okay"}}]}],"setup":{"action":[
            {"common":{"keyRef":"k"}}]},"test":[{"name":"t","action":[
            {"common":{"keyRef":"k"}},
            {"assert":{"resource":"Patient"}}]},
            {"name":"u","action":[
            {"common":{"keyRef":"nobody"}}]}]}"##,
        "setup=pass pass;t=pass pass pass;u=error",
    ),
    (
        "a BOM, comments and unknown elements are not in the way",
        "bom",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","fhir_comments":["x"],"frobnicate":{"a":[1]},"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"response":"okay","frob":true}}]}]}"##,
        "t=pass pass",
    ),
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
        "Crucible: a fixture made before, read by its id and put away after",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","fixture":[{"id":"f","autocreate":true,"autodelete":true,"resource":{"reference":"f.json"}}],"variable":[{"name":"who","sourceId":"f","expression":"Patient.id"}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","targetId":"f"}},
            {"assert":{"response":"okay"}},
            {"assert":{"expression":"Patient.active","operator":"equals","value":"true"}}]}]}"##,
        "t=pass pass pass",
    ),
    (
        "an operator that nobody knows, an action of both kinds and an assert about nothing are errors",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"response":"okay","operator":"resembles"}}]},
            {"name":"u","action":[
            {"operation":{"url":"metadata"},"assert":{"response":"okay"}}]},
            {"name":"v","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"description":"nothing"}}]},
            {"name":"w","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"compareToSourceId":"nobody","compareToSourceExpression":"Patient.id"}}]}]}"##,
        "t=pass error;u=error;v=pass error;w=pass error",
    ),
    (
        "a request has no status",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"direction":"request","responseCode":"200"}}]}]}"##,
        "t=pass error",
    ),
    (
        "two destinations want one to be named",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","destination":[{"index":1,"profile":{"code":"FHIR-Server"}},{"index":2,"profile":{"code":"FHIR-Server"}}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1","destination":1}},
            {"assert":{"response":"okay"}}]},
            {"name":"u","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1","destination":2}}]},
            {"name":"v","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1","destination":3}}]}]}"##,
        "t=pass pass;u=error;v=error",
    ),
    (
        "numbers and booleans that are no strings, and strings that are no booleans",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","variable":[{"name":"n","defaultValue":200}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"responseCode":200}},
            {"assert":{"responseCode":"${n}","operator":"equals"}},
            {"assert":{"expression":"Patient.active","value":true}},
            {"assert":{"response":"created","warningOnly":"true"}},
            {"assert":{"response":"created","stopTestOnFail":"false"}},
            {"assert":{"response":"okay"}}]}]}"##,
        "t=pass pass pass pass warning fail pass",
    ),
    (
        "what was asked is looked at by direction, by its id and by comparison",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","fixture":[{"id":"f","resource":{"resourceType":"Patient","active":true}}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"create"},"sourceId":"f","requestId":"q","responseId":"r"}},
            {"assert":{"direction":"request","expression":"Patient.active"}},
            {"assert":{"sourceId":"q","requestMethod":"post"}},
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"sourceId":"q","expression":"Patient.active"}},
            {"assert":{"sourceId":"q","requestMethod":"post"}},
            {"assert":{"sourceId":"q","requestURL":"/Patient"}},
            {"assert":{"sourceId":"r","response":"created"}},
            {"assert":{"expression":"Patient.active","compareToSourceId":"q","compareToSourceExpression":"Patient.active"}}]}]}"##,
        "t=pass pass pass pass pass pass pass pass pass",
    ),
    (
        "operations by their names and where they are sent",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","fixture":[{"id":"v","resource":{"resourceType":"Parameters"}},{"id":"p","resource":{"resourceType":"Patient","id":"p1"}}],"test":[{"name":"t0","action":[
            {"operation":{"type":{"code":"expand"},"resource":"ValueSet","params":"?url=urn:x"}},
            {"assert":{"requestURL":"/ValueSet/$expand?url=urn:x"}},
            {"assert":{"requestMethod":"get"}}]},
            {"name":"t1","action":[
            {"operation":{"type":{"code":"expand"},"resource":"ValueSet","params":"/1?filter=a"}},
            {"assert":{"requestURL":"/ValueSet/1/$expand?filter=a"}},
            {"assert":{"requestMethod":"get"}}]},
            {"name":"t2","action":[
            {"operation":{"type":{"code":"validate"},"resource":"Patient","sourceId":"p"}},
            {"assert":{"requestURL":"/Patient/$validate"}},
            {"assert":{"requestMethod":"post"}}]},
            {"name":"t3","action":[
            {"operation":{"type":{"code":"closure"},"sourceId":"v"}},
            {"assert":{"requestURL":"/$closure"}},
            {"assert":{"requestMethod":"post"}}]},
            {"name":"t4","action":[
            {"operation":{"type":{"code":"match"},"resource":"Patient","sourceId":"v"}},
            {"assert":{"requestURL":"/Patient/$match"}},
            {"assert":{"requestMethod":"post"}}]},
            {"name":"t5","action":[
            {"operation":{"type":{"code":"everything"},"targetId":"p"}},
            {"assert":{"requestURL":"/Patient/p1/$everything"}},
            {"assert":{"requestMethod":"get"}}]},
            {"name":"t6","action":[
            {"operation":{"type":{"code":"history"},"resource":"Patient"}},
            {"assert":{"requestURL":"/Patient/_history"}},
            {"assert":{"requestMethod":"get"}}]},
            {"name":"t7","action":[
            {"operation":{"type":{"code":"history"}}},
            {"assert":{"requestURL":"/_history"}},
            {"assert":{"requestMethod":"get"}}]},
            {"name":"t8","action":[
            {"operation":{"type":{"code":"search-system"},"params":"?_id=1"}},
            {"assert":{"requestURL":"?_id=1"}},
            {"assert":{"requestMethod":"get"}}]},
            {"name":"t9","action":[
            {"operation":{"type":{"code":"deleteCondSingle"},"resource":"Patient","params":"?identifier=1"}},
            {"assert":{"requestURL":"/Patient?identifier=1"}},
            {"assert":{"requestMethod":"delete"}}]},
            {"name":"t10","action":[
            {"operation":{"type":{"code":"updateCreate"},"resource":"Patient","params":"/9","sourceId":"p"}},
            {"assert":{"requestURL":"/Patient/9"}},
            {"assert":{"requestMethod":"put"}}]},
            {"name":"t11","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"p1?_summary=true"}},
            {"assert":{"requestURL":"/Patient/p1?_summary=true"}},
            {"assert":{"requestMethod":"get"}}]},
            {"name":"t12","action":[
            {"operation":{"type":{"code":"capabilities"},"params":"?mode=full"}},
            {"assert":{"requestURL":"/metadata?mode=full"}},
            {"assert":{"requestMethod":"get"}}]},
            {"name":"t13","action":[
            {"operation":{"method":"post","url":"Patient/_search?x=1"}},
            {"assert":{"requestURL":"/Patient/_search?x=1"}},
            {"assert":{"requestMethod":"post"}}]},
            {"name":"t14","action":[
            {"operation":{"method":"HEAD","url":"Patient/p1"}},
            {"assert":{"requestURL":"/Patient/p1"}},
            {"assert":{"requestMethod":"head"}}]}]}"##,
        "t0=pass pass pass;t1=pass pass pass;t2=pass pass pass;t3=pass pass pass;t4=pass pass pass;t5=pass pass pass;t6=pass pass pass;t7=pass pass pass;t8=pass pass pass;t9=pass pass pass;t10=pass pass pass;t11=pass pass pass;t12=pass pass pass;t13=pass pass pass;t14=pass pass pass",
    ),
    (
        "what is empty equals nothing; a field without an operator is to be there",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"expression":"Patient.gender","operator":"equals","value":""}},
            {"assert":{"expression":"Patient.gender","operator":"notEquals","value":"male"}},
            {"assert":{"headerField":"ETag"}},
            {"assert":{"headerField":"X-None"}}]}]}"##,
        "t=pass pass pass pass fail",
    ),
    (
        "minimumId compares decimals by value and looks for extensions of primitives",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","fixture":[{"id":"a","resource":{"resourceType":"Observation","valueQuantity":{"value":6.3}}},{"id":"b","resource":{"resourceType":"Patient","_active":{"extension":[{"url":"urn:x","valueCode":"y"}]}}}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Observation","params":"/o1"}},
            {"assert":{"minimumId":"a"}}]},
            {"name":"u","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"minimumId":"b"}}]},
            {"name":"v","action":[
            {"operation":{"type":{"code":"read"},"resource":"Observation","params":"/o1"}},
            {"assert":{"minimumId":"b"}}]}]}"##,
        "t=pass pass;u=pass fail;v=pass fail",
    ),
    (
        "FHIRPath of R4 that scripts use",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"expression":"Patient.name.given.where($this.startsWith('A')).exists()"}},
            {"assert":{"expression":"Patient.name.all(given.count() >= 2) and Patient.id.matches('^p[0-9]$')"}},
            {"assert":{"expression":"%resource.id = 'p1'"}},
            {"assert":{"expression":"Patient.name.select(given | family).count()","value":"3"}},
            {"assert":{"expression":"(Patient.name.given.join(','))","value":"Ann,Bea"}},
            {"assert":{"expression":"iif(Patient.active, 'y', 'n')","value":"y"}}]},
            {"name":"u","action":[
            {"operation":{"type":{"code":"read"},"resource":"Observation","params":"/o1"}},
            {"assert":{"expression":"Observation.value.ofType(Quantity).value > 6.2"}},
            {"assert":{"expression":"(Observation.value as Quantity).unit","value":"mmol/L"}},
            {"assert":{"expression":"Observation.effective.is(dateTime)"}}]}]}"##,
        "t=pass pass pass pass pass pass pass;u=pass pass pass pass",
    ),
    (
        "dates that are made up",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","variable":[{"name":"D","defaultValue":"2028-03-01"}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"expression":"'${DATE, D, D,-1}'","value":"2028-02-29"}},
            {"assert":{"expression":"'${DATE, D, M,-1}'","value":"2028-02-01"}},
            {"assert":{"expression":"'${DATE, D, Y,1}'","value":"2029-03-01"}},
            {"assert":{"expression":"@${CURRENTDATE} = today() or @${CURRENTDATE} = today() - 1 day"}},
            {"assert":{"expression":"'${UUID}'.matches('^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')"}}]}]}"##,
        "t=pass pass pass pass pass pass",
    ),
    (
        "a type as a word, parts without names and a test without actions",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"id":"t","action":[
            {"operation":{"type":"read","resource":"Patient","params":"/p1"}},
            {"assert":{"response":"okay"}}]},{"description":"only words","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}}]},
            {"name":"nothing"}]}"##,
        "t=pass pass;only words=pass;nothing=",
    ),
    (
        "an answer without a body is of no type, and deleting says so",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"delete"},"resource":"Patient","params":"/p1"}},
            {"assert":{"response":"noContent"}},
            {"assert":{"resource":"Patient","warningOnly":true}},
            {"assert":{"expression":"Patient.exists()","warningOnly":true}},
            {"assert":{"contentType":"json"}}]}]}"##,
        "t=pass pass warning warning fail",
    ),
    (
        "XPath and JSONPath: conditions, comparisons and counts",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t0","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"path":"$.name[0].given[*]","operator":"contains","value":"Bea"}}]},
            {"name":"t1","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"path":"$.name[0].given.length()","value":"2"}}]},
            {"name":"t2","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"path":"$.name[?(@.family=='Zzcanary')].given[0]","value":"Ann"}}]},
            {"name":"t3","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"path":"count(f:Patient/f:name/f:given)=2","value":"true"}}]},
            {"name":"t4","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"path":"f:Patient/f:active/@value = 'true'","value":"true"}}]},
            {"name":"t5","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"path":"boolean(f:Patient/f:name)","value":"true"}}]},
            {"name":"t6","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"path":"string-length(f:Patient/f:id/@value)","value":"2"}}]},
            {"name":"t7","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"path":"f:Patient/f:name/f:given[position()=2]/@value","value":"Bea"}}]},
            {"name":"t8","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"path":"normalize-space(f:Patient/f:id/@value)","value":"p1"}}]},
            {"name":"t9","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"path":"//f:given[1]/@value","value":"Ann"}}]},
            {"name":"t10","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"path":"substring(f:Patient/f:id/@value, 1, 1)","value":"p"}}]},
            {"name":"t11","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"path":"concat(f:Patient/f:id/@value, '-', count(//f:given))","value":"p1-2"}}]},
            {"name":"t12","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},
            {"assert":{"path":"not(f:Patient/f:deceasedBoolean)","value":"true"}}]}]}"##,
        "t0=pass pass;t1=pass pass;t2=pass pass;t3=pass pass;t4=pass pass;t5=pass pass;t6=pass pass;t7=pass pass;t8=pass pass;t9=pass pass;t10=pass pass;t11=pass pass;t12=pass pass",
    ),
    (
        "what is updated at its target has the id of its target",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","fixture":[{"id":"f","resource":{"resourceType":"Patient","active":true}},{"id":"g","resource":{"resourceType":"Patient","active":false}}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"create"},"sourceId":"f","responseId":"r"}},
            {"operation":{"type":{"code":"update"},"sourceId":"g","targetId":"r"}},
            {"assert":{"requestURL":"/Patient/p1"}},
            {"assert":{"direction":"request","expression":"Patient.id","value":"p1"}}]}]}"##,
        "t=pass pass pass pass",
    ),
    (
        "texts in expressions over lines",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","variable":[{"name":"g","expression":" Patient.name\n .given.first() ","sourceId":"r"}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1","responseId":"r"}},
            {"assert":{"expression":"Patient.name\n  .where(given = 'Ann' or\n given.exists())"}},
            {"assert":{"expression":"Patient.name.given[0]","value":"${g}"}}]}]}"##,
        "t=pass pass pass",
    ),
    (
        "Asbestos: a failure that is expected, and one that a person looks at",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}},{"modifierExtension":[{"url":"urn:asbestos:test:action:expectFailure"}],"assert":{"response":"created"}},{"modifierExtension":[{"url":"urn:asbestos:test:action:mayHaveBugsWhichRequireManualReview"}],"assert":{"response":"created"}},{"modifierExtension":[{"url":"urn:asbestos:test:action:expectFailure"}],"assert":{"response":"okay"}}]}]}"##,
        "t=pass pass warning fail",
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

#[tokio::test]
async fn scripts_come_to_the_verdicts_that_are_asked_for() {
    let mut wrong = Vec::new();
    for (title, format, text, expected) in CASES {
        let server = server(desk).await;
        let (name, text) = match *format {
            "bom" => ("s.json", format!("\u{feff}{text}")),
            "xml" => ("s.xml", (*text).to_owned()),
            _ => ("s.json", (*text).to_owned()),
        };
        let fixture = r#"{"resourceType":"Patient","active":true,"name":[{"given":["Bea"]}]}"#;
        let folder = folder(&[(name, &text), ("f.json", fixture)]);
        let run = run_in(&folder.path().join(name), &[&server.base], Options::default()).await;
        for part in expected.split(';') {
            let (name, wanted) = part.split_once('=').unwrap();
            let found = words(&run, name);
            if found != wanted {
                wrong.push(format!("{title}: {name} is {found:?} and not {wanted:?}: {:#?}", outcomes(&run)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong: {}", wrong.len(), wrong.join("\n"));
}
