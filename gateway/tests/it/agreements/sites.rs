//! Recipients of which one is a site of the other.

use super::check;

#[test]
fn a_recipient_that_is_a_site_of_another_is_a_warning() {
    let with = |more: &str| format!("recipient = [\"ods:E10000099\", {more}]");
    check(
        "sites",
        &[("recipient = [\"ods:E10000099\"]", &with("\"ods:RY201\", \"ods:RY2\", \"ods:RY301\""))],
    );
}
