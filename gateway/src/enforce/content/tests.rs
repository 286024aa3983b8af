use super::*;

fn name(bytes: &[u8]) -> &'static str {
    match look(&STANDARD.encode(bytes)) {
        Look::Whole => "whole",
        Look::Resource(_) => "resource",
        Look::Opaque => "opaque",
    }
}

#[track_caller]
fn is(expected: &str, contents: &[&[u8]]) {
    for content in contents {
        assert_eq!(name(content), expected, "{}", String::from_utf8_lossy(content));
    }
}

#[test]
fn a_resource_is_found_whatever_content_says_it_is() {
    is(
        "resource",
        &[
            br#"{"resourceType":"Patient"}"#,
            br#"{"id":"x","\u0072esourceType":"Patient"}"#,
            b"\xEF\xBB\xBF \n{\"resourceType\":\"Patient\"}",
        ],
    );
    assert!(matches!(look("eyJyZXNvdXJj\nZVR5cGUiOiJY\nIn0="), Look::Resource(_)), "in lines");
}

#[test]
fn resources_in_a_form_that_is_not_looked_into_are_opaque() {
    let wide: Vec<u8> =
        "<Patient xmlns=\"http://hl7.org/fhir\"/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    is(
        "opaque",
        &[
            br#"[{"resourceType":"Patient"}]"#,
            b"{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Patient\"}",
            br#"{"x":{"resourceType":"Patient"}}"#,
            br#"{"resourceType":"Patient","#,
            br#"/* a letter */ {"resourceType":"Patient"}"#,
            br#"/* a letter */ {"\u0072esourceType":"Patient"}"#,
            b"resourceType: Patient\nid: x",
            br#"<Patient xmlns="http://hl7.org/fhir"/>"#,
            br#"<?xml version="1.0"?><f:Patient xmlns:f='http://hl7.org/fhir'/>"#,
            br#"<Patient xmlns="http:&#47;&#x2f;hl7.org&#47;fhir"/>"#,
            br#"<!DOCTYPE Patient [<!ENTITY n "http://hl7."> ]><Patient xmlns="&n;org/fhir"/>"#,
            br#"<?xml version="1.0" encoding="UTF-7"?><Patient/>"#,
            b"@prefix fhir: <http://hl7.org/fhir/> . <x> a fhir:Patient .",
            b"BASE <http:\\u002F\\u002Fhl7.org/fhir/>",
            br#"<html><a href="data:application/fhir+json;base64,e30=">a letter</a></html>"#,
            &wide,
        ],
    );
    assert!(matches!(look("not base64!"), Look::Opaque));
}

#[test]
fn messages_and_documents_are_opaque() {
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let quoted = wide("\u{feff}\u{201c}\rMSH|^~\\&|A|B");
    let foreign = wide(&format!("{}\rMSH|^~\\&|A|B", "\u{436}".repeat(500)));
    is(
        "opaque",
        &[
            &quoted,
            &foreign,
            b"MSH|^~\\&|A|B|||ADT^A01\rPID|||9990000018",
            b"\x0BMSH|^~\\&|A\x1C\r",
            b"FHS|^~\\&|A\rBHS|^~\\&|A",
            b"MSH$%~\\&$A$B",
            b"Dear colleague,\r\nMSH|^~\\&|A|B",
            b"EVN|A01\rPID|||9990000018",
            br#"<ClinicalDocument xmlns="urn:hl7-org:v3"/>"#,
            br#"<c:ClinicalDocument xmlns:c="x"/>"#,
            br#"<c:&#67;linicalDocument xmlns="urn&#58;hl7-org:v3"/>"#,
            br#"<ADT_A01 xmlns="urn:hl7-org:v2xml"/>"#,
            b"MIME-Version: 1.0\r\nContent-Type: application/json\r\n\r\n{}",
            b"From: a\r\ncontent-type: text/plain\r\n\r\nletter",
            br#"<r xmlns:n1="urn:hl7-org:v3"><n1:section/></r>"#,
            br#"<section xmlns="urn:hl7-org:v3"/>"#,
            b"@prefix n1: <urn:hl7-org:v3> .",
            b"&#00000000000000000067;linicalDocument",
            b"&#x43linicalDocument",
            b"<a href='data:application/json;base64,e30='>",
            b"UNA:+.? 'UNB+UNOA:2+TES5+XX11+920113:1317+100002'",
            b"UNB+UNOA:2+TES5+XX11+920113:1317+100002'UNH+1+MEDRPT:0:1:RT:NHS003'",
            b"Dear colleague,\nUNH*1*MEDRPT'PNA*PAT*9990000018'",
        ],
    );
}

#[test]
fn a_text_is_looked_through_in_time_that_grows_with_its_length() {
    // By the square of their number each of these would take minutes.
    for part in ["&#", "&#0", "xmlns:n1=\"urn:hl7-org:v3\" ", "data:application/font-", "UNB", "UNA'"] {
        let text = format!("<x>{}", part.repeat((2 << 20) / part.len()));
        look(&STANDARD.encode(text));
    }
}

#[test]
fn what_is_packed_is_opaque() {
    let again = STANDARD.encode(br#"{"resourceType":"Patient","id":"x"}"#);
    let (first, second) = again.split_at(20);
    let lines = format!("{first}\r\n{second}");
    let mut archive = vec![b'x'; 257];
    archive.extend_from_slice(b"ustar");
    is(
        "opaque",
        &[
            b"\x1F\x8B\x08\x00",
            b"PK\x03\x04 a letter",
            b"BZh91AY",
            b"x\x9Cletter",
            again.as_bytes(),
            lines.as_bytes(),
            &archive,
        ],
    );
}

#[test]
fn letters_pages_and_pictures_are_whole() {
    is(
        "whole",
        &[
            b"a letter",
            b"",
            b"%PDF-1.7 a letter",
            b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR",
            br"{\rtf1\ansi a letter}",
            br#"{"name":"no resource"}"#,
            br#"<html><img src="data:image/png;base64,iVBORw0K">a letter, 5 &lt; 6 &#8211; 7</html>"#,
            b"<?xml version='1.0' encoding='UTF-8'?><letter/>",
            b"MSH: 12 pmol/l\nMSH - melanocyte stimulating hormone\n100% better & well \\ fine",
            b"The content-type of care\nis not known",
            "Caf\u{e9} \u{2013} 37\u{b0}".as_bytes(),
            b"Letter.",
            b"BMI 31",
            br#"<html xmlns:n1="urn:hl7-org:v3" xmlns:sdtc = 'urn:hl7-org:sdtc'><p>a letter</p></html>"#,
            br#"<style>@font-face{src:url(data:application/font-woff;base64,d09G)}</style><p>a letter</p>"#,
            b"UNABLE to attend\nUNHAPPY with UNBEARABLE pain",
            b"&# &#; &#x; a letter",
        ],
    );
    let plain = b"II*\0\x08\0\0\0";
    is("whole", &[plain]);
}

#[test]
fn content_looks_like_what_is_stated_of_it() {
    let looks = |stated: &str, bytes: &[u8]| looks_like(Some(stated), &STANDARD.encode(bytes));
    let wide: Vec<u8> = "a letter".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (stated, content, expected) in [
        ("text/plain; charset=utf-8", &b"a letter"[..], true),
        ("Text/Plain", b"", true),
        ("text/plain", b"BMI 31, weight 92 kg", true),
        ("text/plain", b"caf\xE9 at eight", true),
        ("text/plain", &wide, true),
        ("text/plain", b"a letter\0with more", false),
        ("text/plain", b"%PDF-1.7", false),
        ("text/plain", b"\xC3\x89\xA5\x85\x40\xA3\x85\xA7\xA3", false),
        ("text/html", b"<p>a letter</p>", true),
        ("text/rtf", br"{\rtf1 a letter}", true),
        ("application/pdf", b"%PDF-1.7", true),
        ("application/pdf", b"\r\n%PDF-1.4", true),
        ("application/pdf", b"a letter", false),
        ("image/jpeg", b"\xFF\xD8\xFF\xE0", true),
        ("image/jpeg", b"JFIF", false),
        ("image/png", b"\xFF\xD8\xFF\xE0", false),
        ("image/tiff", b"MM\0*", true),
        ("application/json", b" {}", true),
        ("application/fhir+json", b"a letter", false),
        ("application/xml", b"<letter/>", true),
        ("image/svg+xml", b"a letter", false),
        ("audio/mpeg", b"ID3", true),
    ] {
        assert_eq!(looks(stated, content), expected, "{stated} {}", String::from_utf8_lossy(content));
    }
    assert!(looks_like(None, "AAAA"), "where nothing is stated nothing is compared");
    assert!(!looks_like(Some("text/plain"), "?"));
}
