//! Scripts in JSON, as the releases of FHIR have them.

use super::Case;

pub(super) const CASES: &[Case] = &[
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
        "what is updated at its target has the id of its target",
        "json",
        r##"{"resourceType":"TestScript","id":"s","name":"S","status":"active","fixture":[{"id":"f","resource":{"resourceType":"Patient","active":true}},{"id":"g","resource":{"resourceType":"Patient","active":false}}],"test":[{"name":"t","action":[
            {"operation":{"type":{"code":"create"},"sourceId":"f","responseId":"r"}},
            {"operation":{"type":{"code":"update"},"sourceId":"g","targetId":"r"}},
            {"assert":{"requestURL":"/Patient/p1"}},
            {"assert":{"direction":"request","expression":"Patient.id","value":"p1"}}]}]}"##,
        "t=pass pass pass pass",
    ),
];
