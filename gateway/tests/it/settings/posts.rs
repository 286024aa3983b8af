//! Who speaks for whose staff, and who holds which post.

use super::SETTINGS;
use crate::site::Site;

#[test]
fn it_is_said_whose_staff_an_issuer_speaks_for_where_there_are_several() {
    let iua = "claims = \"iua\"";
    let second = "\n[[issuer]]\nissuer = \"https://identity.eastshire.example\"\nkeys = \"keys/staff.jwks.json\"\nclaims = \"iua\"\n";
    let only = "\norganisations = [\"ods:E10000099\"]";
    for (of_first, of_second, expected) in [
        ("", None, vec![]),
        ("\norganisations = [\"ods:RX1\"]", None, vec![]),
        ("\norganisations = [\"any\"]", Some(only), vec![]),
        ("", Some(only), vec!["issuer[0].organisations: more than one issuer is for staff"]),
        ("", Some(""), vec!["issuer[0].organisations: more than", "issuer[2].organisations: more than"]),
        ("\norganisations = []", None, vec!["issuer[0].organisations: nobody is named"]),
        ("\norganisations = [\"any\", \"ods:RX1\"]", None, vec!["issuer[0].organisations[0]: "]),
        ("\norganisations = [\"ods:RX1\", \"RX1\"]", None, vec!["issuer[0].organisations[1]: "]),
    ] {
        let site = Site::example();
        site.edit(SETTINGS, iua, &format!("{iua}{of_first}"));
        if let Some(of_second) = of_second {
            site.append(SETTINGS, &format!("{second}{}\n", of_second.trim_start()));
        }
        let problems = site.problems();
        let met = problems.len() == expected.len()
            && problems.iter().zip(&expected).all(|(problem, text)| problem.contains(text));
        assert!(met, "{of_first} {of_second:?}: {problems:?}");
    }
    let site = Site::example();
    site.edit(SETTINGS, "claims = \"nhs-login\"", "claims = \"nhs-login\"\norganisations = [\"any\"]");
    assert!(
        site.problems()[0].contains("issuer[1].organisations: people who sign in"),
        "{:?}",
        site.problems()
    );
}

#[test]
fn a_post_is_a_role_at_an_organisation() {
    let written = "oversight = [\"R5105\", \"R0001\"]";
    let site = Site::example();
    site.edit(SETTINGS, written, "oversight = [\"R5105\", \"R5105@ods:E10000099\"]");
    let posts = site.load().unwrap().settings.gateway.oversight;
    let posts: Vec<_> =
        posts.iter().map(|post| format!("{} {}", post.role.code(), post.organisation.as_str())).collect();
    assert_eq!(posts, ["R5105 RX1", "R5105 E10000099"]);
    for (entry, place) in [
        ("R5105@", "oversight[0]: "),
        ("@ods:RX1", "oversight[0]: "),
        ("R5105@ods:RX1\", \"R5105", "oversight[1]: this stands in the list twice"),
    ] {
        let site = Site::example();
        site.edit(SETTINGS, written, &format!("oversight = [\"{entry}\"]"));
        let problems = site.problems();
        assert!(problems.len() == 1 && problems[0].contains(place), "{entry}: {problems:?}");
    }
}

#[test]
fn roles_of_whoever_runs_the_gateway_are_told_where_others_share() {
    let site = Site::example();
    site.edit(SETTINGS, "[gateway]\norganisation = \"ods:RX1\"", "[gateway]\norganisation = \"ods:QOQ\"");
    let warnings: Vec<String> = site.load().unwrap().warnings.iter().map(ToString::to_string).collect();
    for key in ["gateway.oversight", "gateway.consent_recorders"] {
        let told = |warning: &String| {
            warning.contains(key) && warning.contains("ods:QOQ, which is party to no agreement")
        };
        assert!(warnings.iter().any(told), "{key}: {warnings:?}");
    }
}
