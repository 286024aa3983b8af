//! Whether a question may be answered in words of one's own: R4 says it by the type of the item, R5 by `answerConstraint`.

use fhir::tables::Release;
use serde_json::{Value, json};

use crate::versions_statement::{one, there_and_back};

const OF_R5: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Questionnaire.item.";

fn form(item: &Value) -> Value {
    json!({"resourceType": "Questionnaire", "status": "active", "title": "About me", "item": [item]})
}

/// A question with one answer to choose, in a group.
fn question(kind: &str, constraint: Option<&str>) -> Value {
    let mut question = json!({"linkId": "1.1", "text": "How do you like to be called?", "type": kind,
        "answerOption": [{"valueCoding": {"code": "first"}}]});
    if let (Some(constraint), Some(question)) = (constraint, question.as_object_mut()) {
        question.insert("answerConstraint".to_owned(), constraint.into());
    }
    form(&json!({"linkId": "1", "type": "group", "item": [question]}))
}

fn asked(form: &Value) -> &Value {
    form.pointer("/item/0/item/0").unwrap()
}

#[test]
fn an_open_choice_is_a_coding_that_words_may_stand_for_and_a_choice_is_one_that_they_may_not() {
    for (r4, r5) in [
        (question("choice", None), question("coding", None)),
        (question("open-choice", None), question("coding", Some("optionsOrString"))),
    ] {
        assert_eq!(there_and_back(&r4, Release::R4), r5);
        assert_eq!(there_and_back(&r5, Release::R5), r4);
    }
}

#[test]
fn what_r4_has_no_words_for_is_kept_and_comes_back() {
    for (kind, constraint, r4) in [
        ("coding", "optionsOnly", "choice"),
        ("coding", "optionsOrType", "choice"),
        ("string", "optionsOrString", "string"),
        ("date", "optionsOrType", "date"),
    ] {
        let made = there_and_back(&question(kind, Some(constraint)), Release::R5);
        assert_eq!(asked(&made)["type"], r4);
        let kept = json!([{"url": format!("{OF_R5}answerConstraint"), "valueCode": constraint}]);
        assert_eq!(asked(&made)["extension"], kept);
    }
    let more = json!({"linkId": "1", "type": "coding", "answerConstraint": "optionsOrString", "disabledDisplay": "hidden",
        "_answerConstraint": {"id": "c"},
        "enableWhen": [{"question": "2", "operator": "exists", "answerBoolean": true}]});
    let made = there_and_back(&form(&more), Release::R5);
    assert_eq!(made["item"][0]["type"], "choice", "what stands beside the constraint is kept with it");
    assert_eq!(made["item"][0]["enableWhen"], more["enableWhen"]);
}

#[test]
fn every_other_type_of_an_item_is_the_same() {
    for kind in [
        "group",
        "display",
        "boolean",
        "decimal",
        "integer",
        "date",
        "dateTime",
        "time",
        "string",
        "text",
        "url",
        "attachment",
        "reference",
        "quantity",
    ] {
        let item = form(&json!({"linkId": "1", "type": kind, "prefix": "1)", "repeats": false}));
        assert_eq!(one(&item, Release::R5), item);
        assert_eq!(one(&item, Release::R4), item);
    }
}
