//! In what letters a file of XML is written: what it declares and what its bytes say agree, or it is refused.

use crate::mapping::files::translate;

fn mapping(charset: &str) -> String {
    format!(
        "mapping = \"x\"\n[source]\nformat = \"xml\"\nrecords = \"r/p\"\n{charset}\n[[resource]]\ntype = \"Patient\"\nname = \"p\"\n\
         id_from = [\"@id\"]\n[resource.elements]\n\"identifier\" = {{ from = \"@id\", system = \"urn:id:p\" }}\n\
         \"name.family\" = {{ from = \"n\" }}"
    )
}

fn file(declared: &str, name: &[u8]) -> Vec<u8> {
    let prolog = match declared {
        "" => String::new(),
        name => format!("<?xml version=\"1.0\" encoding=\"{name}\"?>"),
    };
    [prolog.as_bytes(), b"<r><p id='7'><n>", name, b"</n></p></r>"].concat()
}

const MARK: &[u8] = b"\xef\xbb\xbf";

#[test]
fn what_a_file_of_xml_declares_goes_before_what_the_mapping_says() {
    let (utf8, windows) = ("", "charset = \"windows-1252\"");
    for (charset, file, expected) in [
        (utf8, file("ISO-8859-1", b"Si\xe2n"), Ok("Si\u{e2}n")),
        (utf8, file("iso-8859-1", b"Sian"), Ok("Sian")),
        (utf8, file("windows-1252", b"O\x92Brien"), Ok("O\u{2019}Brien")),
        (utf8, file("UTF-8", "Si\u{e2}n".as_bytes()), Ok("Si\u{e2}n")),
        (utf8, file("us-ascii", b"Sian"), Ok("Sian")),
        (windows, file("UTF-8", "Si\u{e2}n".as_bytes()), Ok("Si\u{e2}n")),
        (windows, file("ISO-8859-1", b"Si\xe2n"), Ok("Si\u{e2}n")),
        (windows, file("", b"Si\xe2n"), Ok("Si\u{e2}n")),
        // The mapping says so too: nothing speaks for another reading.
        (windows, file("ISO-8859-1", b"\xc3\xa2"), Ok("\u{c3}\u{a2}")),
        (
            utf8,
            file("ISO-8859-1", "Si\u{e2}n".as_bytes()),
            Err("the file declares a character set that it is not in"),
        ),
        (utf8, file("UTF-8", b"Si\xe2n"), Err("byte 56 is not in the character set")),
        (windows, file("UTF-8", b"Si\xe2n"), Err("byte 56 is not in the character set")),
        (utf8, file("", b"Si\xe2n"), Err("byte 18 is not in the character set")),
        (
            utf8,
            file("KOI8-R", b"Sian"),
            Err("the file declares a character set that it is not in, or that is not read: save it as utf-8"),
        ),
        (utf8, [MARK, &file("UTF-8", b"Sian")].concat(), Ok("Sian")),
        (
            utf8,
            [MARK, &file("ISO-8859-1", b"Sian")].concat(),
            Err("the file declares a character set that it is not in"),
        ),
    ] {
        let said = String::from_utf8_lossy(&file).into_owned();
        let read = translate(&mapping(charset), &file).remove(0);
        match (read, expected) {
            (Ok((bundle, _)), Ok(name)) => {
                assert!(bundle.contains(&format!("\"family\":\"{name}\"")), "{said}: {bundle}");
            }
            (Err(refused), Err(why)) => assert!(refused.to_string().starts_with(why), "{said}: {refused}"),
            (Ok((bundle, _)), Err(why)) => panic!("{said}: {bundle}, not {why}"),
            (Err(refused), Ok(_)) => panic!("{said}: {refused}"),
        }
    }
}
