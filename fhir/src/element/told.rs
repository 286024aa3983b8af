//! The writer by FHIR's tables: they tell a primitive with something beside it from a type of the same elements.

use fhirbolt::FhirReleases;
use fhirbolt::element::{self as bolt, Primitive};
use fhirbolt::json;
use fhirbolt::serde::SerializationConfig;

use super::{Element, Inner};

type R4Element = bolt::Element<{ FhirReleases::R4 }>;
type R4Value = bolt::Value<{ FhirReleases::R4 }>;

/// `resource` as compact JSON.
#[expect(
    clippy::expect_used,
    reason = "writing to memory cannot fail and every value was checked when put in"
)]
pub(super) fn written(resource: &Element) -> Vec<u8> {
    json::to_vec(&element(resource), Some(SerializationConfig { always_sort: false }))
        .expect("a checked resource")
}

fn element(element: &Element) -> R4Element {
    let mut made = R4Element::new();
    for (name, inner) in &element.0 {
        made.insert(name.to_string(), value(inner));
    }
    made
}

/// In the element model each text of a list is an element with a `value`.
fn value(inner: &Inner) -> R4Value {
    match inner {
        Inner::Text(value) => text(value),
        Inner::Flag(flag) => bolt::Value::Primitive(Primitive::Bool(*flag)),
        Inner::Number(number) => bolt::Value::Primitive(Primitive::Integer(*number)),
        Inner::Decimal(digits) => bolt::Value::Primitive(Primitive::Decimal(digits.to_string())),
        Inner::Texts(texts) => bolt::Value::Sequence(
            texts.iter().map(|value| R4Element::from([("value", text(value))])).collect(),
        ),
        Inner::One(one) => bolt::Value::Element(element(one)),
        Inner::Many(many) => bolt::Value::Sequence(many.iter().map(element).collect()),
    }
}

fn text(text: &str) -> R4Value {
    bolt::Value::Primitive(Primitive::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Decimal, Element, Resource, Value, plain};
    use super::written;
    use crate::json::{Limits, parse_value};

    fn leaf() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<String>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            prop::collection::vec(any::<String>(), 0..4).prop_map(Value::from),
            prop::sample::select(vec!["1.00", "-0.10", "7"])
                .prop_map(|digits| Value::from(Decimal::parse(digits).expect("digits"))),
        ]
    }

    proptest! {
        /// Where both can write, both write the same.
        #[test]
        fn both_writers_write_the_same(
            texts in prop::collection::vec(any::<String>(), 6),
            given in prop::collection::vec(any::<String>(), 0..3),
            leaf in leaf(),
            flag in any::<bool>(),
        ) {
            let identifier = Element::new().with("system", texts[0].as_str()).with("value", texts[1].as_str());
            let name = Element::new().with("family", texts[2].as_str()).with("given", given);
            let extension = Element::new().with("url", "urn:x").with("valueString", texts[3].as_str());
            let resource = Resource::new("Patient")
                .with("id", leaf)
                .with("extension", vec![extension])
                .with("identifier", vec![identifier, Element::new().with("value", texts[4].as_str())])
                .with("active", flag)
                .with("name", vec![name])
                .with("contact", vec![Element::new().with("gender", texts[5].as_str())]);
            let plain = plain::written(&resource.0).expect("nothing stands beside a primitive");
            let tree = |bytes: &[u8]| parse_value(bytes.to_vec().into(), &Limits::default()).expect("JSON");
            prop_assert_eq!(tree(&plain), tree(&written(&resource.0)));
        }
    }

    #[test]
    fn what_may_be_a_primitive_is_left_to_the_tables() {
        let patient = Resource::new("Patient").with("birthDate", Element::masked());
        assert!(plain::written(&patient.0).is_none());
        let identifier = Element::masked().with("value", "1");
        let patient = Resource::new("Patient").with("identifier", vec![identifier]);
        assert!(plain::written(&patient.0).is_none());
    }
}
