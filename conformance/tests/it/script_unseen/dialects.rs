//! Scripts in the words of makers of engines, and in JSON that is written loosely.

use super::Case;

pub(super) const CASES: &[Case] = &[
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
        "Crucible: a fixture made before, read by its id and put away after",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","fixture":[{"id":"f","autocreate":true,"autodelete":true,"resource":{"reference":"f.json"}}],"variable":[{"name":"who","sourceId":"f","expression":"Patient.id"}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","targetId":"f"}},
            {"assert":{"response":"okay"}},
            {"assert":{"expression":"Patient.active","operator":"equals","value":"true"}}]}]}"##,
        "t=pass pass pass",
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
];
