//! Several messages in one envelope: each stands by itself, and an envelope that is not whole is refused.

use adapters::hl7v2::batch::{Fault, is_enclosed, open, reject};
use adapters::hl7v2::{self, AckCode, Problem, Stamp, acknowledge};
use adapters::{Context, Refused};
use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};

use crate::goldens::hospital;

const ONE: &str = "MSH|^~\\&|PAS|RX1|GATE|E1|20260304161500||ADT^A03|M1|P|2.4\rPID|1||9990000018^^^NHS^NH||Fenwick^Ann\rZZZ|x\r";
const TWO: &str =
    "MSH|^~\\&|PAS|RX1|GATE|E1|20260304161600||ADT^A31|M2|P|2.4\rPID|1||9990000107^^^NHS^NH||Yilmaz^Ece\r";
const BAD: &str = "MSH|^~\\&|PAS|RX1|GATE|E1|20260304161700||QQQ^Z99|M3|P|2.4\rPID|1\r";

fn stamp() -> Stamp {
    Stamp { control_id: "G1".to_owned(), at: "20260304170000+0000".to_owned() }
}

/// What `input` holds and tells: the messages, and the losses of the envelope.
fn told(input: &str) -> Result<(usize, Vec<String>), Refused> {
    let batch = open(input.as_bytes(), &hospital())?;
    let losses = batch.losses().iter().map(|loss| format!("{} {}", loss.place, loss.severity)).collect();
    Ok((batch.messages().len(), losses))
}

#[test]
fn each_message_of_a_file_becomes_what_it_would_alone_and_says_which_it_is() {
    let file = format!(
        "FHS|^~\\&|PAS|RX1|GATE|E1|20260304||f.hl7||F1\rBHS|^~\\&|PAS|RX1|||||||B1\r{ONE}{BAD}BTS|2\rBHS|^~\\&|||||||||B2\r{TWO}BTS|1|late\rFTS|2\r"
    );
    assert!(is_enclosed(file.as_bytes()) && !is_enclosed(ONE.as_bytes()));
    let batch = open(file.as_bytes(), &hospital()).unwrap();
    let all: Vec<_> = batch.messages().iter().map(|message| message.translate(&hospital())).collect();
    let [one, bad, two] = all.try_into().unwrap();
    assert_eq!(bad.unwrap_err(), Refused::UnknownType { name: "QQQ^Z99".to_owned() });
    for (enclosed, alone, number) in [(one.unwrap(), ONE, 1), (two.unwrap(), TWO, 3)] {
        let alone = hl7v2::translate(alone.as_bytes(), &hospital()).unwrap();
        assert_eq!((&enclosed.id, enclosed.bundle.len()), (&alone.id, alone.bundle.len()));
        assert!(!alone.losses.is_empty());
        let placed: Vec<String> =
            alone.losses.iter().map(|loss| format!("MSH[{number}]/{}", loss.place)).collect();
        assert_eq!(enclosed.losses.into_iter().map(|loss| loss.place).collect::<Vec<_>>(), placed);
    }
    let outside: Vec<String> = batch.losses().iter().map(ToString::to_string).collect();
    assert!(outside.contains(&"BTS[2]-2\tminor\tthe map has no place for it".to_owned()), "{outside:?}");
    assert!(outside.contains(&"BHS[2]-11\ttrivial\tthe map has no place for it".to_owned()), "{outside:?}");
}

#[test]
fn a_message_in_no_envelope_is_itself() {
    for (input, messages) in [(ONE.to_owned(), 1), (format!("{ONE}\r\n{TWO}"), 2)] {
        let batch = open(input.as_bytes(), &hospital()).unwrap();
        assert_eq!((batch.messages().len(), batch.losses().len()), (messages, 0));
        let first = batch.messages().first().unwrap().translate(&hospital()).unwrap();
        assert_eq!(first.losses.first().unwrap().place.starts_with("MSH[1]/"), messages == 2);
        assert!(!is_enclosed(input.as_bytes()));
    }
}

#[test]
fn an_envelope_says_how_much_it_holds() {
    let head = "BHS|^~\\&\r";
    let told_of =
        |words: &[&str]| Ok::<_, Refused>(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    for (input, messages, losses) in [
        (format!("{head}{ONE}BTS|1\r"), 1, &[][..]),
        (format!("{head}{ONE}BTS\r"), 1, &[]),
        (format!("{head}BTS|0\r"), 0, &[]),
        ("FHS|^~\\&\rFTS|0\r".to_owned(), 0, &[]),
        ("FHS|^~\\&\rBTS|0\rFTS|1\r".to_owned(), 0, &[]),
        (format!("FHS|^~\\&\r{ONE}{TWO}FTS|1\r"), 2, &[]),
        (format!("{head}{ONE}BTS|3\r"), 1, &["BTS-1 major"]),
        (format!("{head}{ONE}BTS|one\r"), 1, &["BTS-1 minor"]),
        (format!("FHS|^~\\&\r{head}{ONE}BTS|1\r"), 1, &["FTS major"]),
        (format!("{head}{ONE}{head}{TWO}BTS|1\r"), 2, &["BHS major"]),
        (format!("FHS|^~\\&\r{head}{ONE}FTS|1\r"), 1, &["BHS major"]),
        ("BHS|^~\\&||||||secret||||||||R\rBTS|0\r".to_owned(), 0, &["BHS-8 minor", "BHS-16 major"]),
    ] {
        assert_eq!(told(&input).map(|(count, _)| count), Ok(messages), "{input}");
        assert_eq!(told(&input).map(|(_, losses)| losses), told_of(losses), "{input}");
    }
}

#[test]
fn what_is_cut_off_or_added_is_refused_whole() {
    let head = "BHS|^~\\&\r";
    let out_of_place = |line| Err(Refused::Batch(Fault::OutOfPlace { line }));
    let added = |line| Err(Refused::Batch(Fault::Added { line }));
    for (input, refused) in [
        (format!("{head}{ONE}"), Err(Refused::Batch(Fault::Cut))),
        (format!("FHS|^~\\&\r{ONE}"), Err(Refused::Batch(Fault::Cut))),
        ("FHS|^~\\&\r".to_owned(), Err(Refused::Batch(Fault::Cut))),
        // A text with line ends of its own that looks like a message.
        (format!("{head}{}{TWO}BTS|1\r", ONE.replace("ZZZ|x\r", "NTE|1||text\r")), added(7)),
        (format!("FHS|^~\\&\r{head}{ONE}BTS|1\r{head}{TWO}BTS|1\rFTS|1\r"), added(11)),
        (format!("{head}PID|1\r{ONE}BTS|1\r"), out_of_place(2)),
        (format!("{head}{ONE}BTS|1\rPID|1\r"), out_of_place(6)),
        (format!("{head}BTS|0\rFTS|1\r{ONE}"), out_of_place(4)),
        (format!("{head}FHS|^~\\&\rBTS|0\r"), out_of_place(2)),
        ("FHS|^~\\&\rFTS|0\rFTS|0\r".to_owned(), out_of_place(3)),
        (format!("{head}words\rBTS|0\r"), out_of_place(2)),
        ("BHS|aaaa\rBTS|0\r".to_owned(), Err(Refused::Delimiters)),
        ("BTS|0\r".to_owned(), Err(Refused::NoHeader)),
        (String::new(), Err(Refused::NoHeader)),
    ] {
        assert_eq!(told(&input).map(|_| ()), refused, "{input}");
    }
    let small = hospital().with_bytes_max(20);
    let refused = open(ONE.as_bytes(), &small).unwrap_err();
    assert_eq!(refused, Refused::TooLarge { max: 20, unit: "bytes" });
}

#[test]
fn the_form_of_the_letters_does_not_matter() {
    let file = format!("FHS|^~\\&\r{ONE}{}FTS|1\r", TWO.replace("Ece", "Ekiñ"));
    let ids = |input: &[u8]| -> Vec<String> {
        let batch = open(input, &hospital()).unwrap();
        batch.messages().iter().map(|message| message.translate(&hospital()).unwrap().id).collect()
    };
    let expected = ids(file.as_bytes());
    assert_eq!(expected.len(), 2);
    let wide: Vec<u16> = std::iter::once(0xfeff).chain(file.encode_utf16()).collect();
    for input in [
        file.replace('\r', "\n").into_bytes(),
        file.replace('\r', "\r\n\r\n").into_bytes(),
        [b"\xef\xbb\xbf".as_slice(), file.as_bytes()].concat(),
        [b"\x0b".as_slice(), file.as_bytes(), b"\x1c\r"].concat(),
        wide.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        wide.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        file.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        file.chars().flat_map(|letter| u32::from(letter).to_be_bytes()).collect(),
        // The envelope may be written otherwise than what it holds.
        file.replace("FHS|^~\\&", "FHS*!~\\&").replace("FTS|", "FTS*").into_bytes(),
    ] {
        assert!(is_enclosed(&input), "{input:?}");
        assert_eq!(ids(&input), expected, "{input:?}");
    }
}

#[test]
fn a_file_is_answered_by_a_file_of_acknowledgements() {
    let file = format!(
        "FHS|^~\\&|PAS|RX1|GATE|E1|||||F\\T\\1\rBHS|^~\\&|P|R|G|E|||||B1\r{ONE}{BAD}BTS|2\r{TWO}BTS|1\rFTS|2\r"
    );
    let batch = open(file.as_bytes(), &hospital()).unwrap();
    let answers: Vec<Vec<Vec<u8>>> = batch
        .messages()
        .iter()
        .map(|message| vec![acknowledge(message.raw(), AckCode::ApplicationAccept, None, &stamp())])
        .collect();
    let answer = String::from_utf8(batch.answer(&answers, &stamp()).unwrap()).unwrap();
    let heads: Vec<&str> = answer.split_terminator('\r').filter(|line| !line.starts_with("MSH")).collect();
    assert_eq!(
        heads,
        [
            "FHS|^~\\&|GATE|E1|PAS|RX1|20260304170000+0000||||G1|F\\T\\1",
            "BHS|^~\\&|G|E|P|R|20260304170000+0000||||G1-1|B1",
            "MSA|AA|M1|",
            "MSA|AA|M3|",
            "BTS|2",
            "BHS|^~\\&|GATE|E1|PAS|RX1|20260304170000+0000||||G1-2|F\\T\\1",
            "MSA|AA|M2|",
            "BTS|1",
            "FTS|2",
        ]
    );
    // What answers is itself such a file.
    assert_eq!(told(&answer).map(|(messages, _)| messages), Ok(3));
}

#[test]
fn who_asks_about_errors_alone_is_told_that_there_are_none_and_who_asks_nothing_nothing() {
    let asking = |accept: &str, application: &str| {
        let header = format!("ADT^A03|M1|P|2.4|||{accept}|{application}");
        let file = format!("BHS|^~\\&|||||||||B1\r{}BTS|1\r", ONE.replace("ADT^A03|M1|P|2.4", &header));
        let batch = open(file.as_bytes(), &hospital()).unwrap();
        batch.answer(&[Vec::new()], &stamp()).map(|answer| String::from_utf8(answer).unwrap())
    };
    for (accept, application, answered) in
        [("NE", "NE", false), ("NE", "", false), ("NE", "ER", true), ("ER", "NE", true), ("", "", true)]
    {
        let answer = asking(accept, application);
        assert_eq!(answer.is_some(), answered, "{accept} {application}");
        assert!(answer.is_none_or(|answer| answer.ends_with("|G1-1|B1\rBTS|0\r")), "{accept} {application}");
    }
}

#[test]
fn what_is_refused_whole_is_answered_by_the_reason() {
    let problem = Problem { code: "100", text: Fault::Cut.to_string() };
    let cut = format!("FHS|^~\\&|PAS|RX1|GATE|E1|||||F1\r{ONE}");
    let answer = String::from_utf8(reject(cut.as_bytes(), &problem, &stamp())).unwrap();
    assert!(answer.starts_with("BHS|^~\\&|GATE|E1|PAS|RX1|20260304170000+0000||||G1|F1\rMSH|"), "{answer}");
    assert!(answer.contains("\rMSA|AR|F1|the batch ends before its trailer|||100^"), "{answer}");
    assert!(answer.ends_with("\rBTS|1\r") && !answer.contains("Fenwick"), "{answer}");
    for nothing in ["", "garbage", "FHS", "FHS|", "\u{b}BHS|^~\\&"] {
        let answer = String::from_utf8(reject(nothing.as_bytes(), &problem, &stamp())).unwrap();
        assert_eq!(told(&answer).map(|(messages, _)| messages), Ok(1), "{nothing}");
    }
}

fn held(input: &[u8], context: &Context) -> Option<Vec<u8>> {
    let batch = open(input, context).ok()?;
    Some(batch.messages().iter().flat_map(|message| message.raw().to_vec()).collect())
}

fn piece() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        ONE,
        TWO,
        BAD,
        "FHS|^~\\&\r",
        "BHS|^~\\&\r",
        "BTS|1\r",
        "BTS\r",
        "FTS|1\r",
        "\r\n",
        "MSH|",
        "text\r",
        "\n",
        "é\r",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn nothing_is_added_to_messages_or_left_out_of_them(pieces in proptest::collection::vec(piece(), 0..12)) {
        let input = pieces.concat();
        if let Some(held) = held(input.as_bytes(), &hospital()) {
            let held = String::from_utf8(held).unwrap();
            // Without the envelope and blank lines it is what came.
            let own = |text: &str| -> Vec<String> {
                let envelope = |line: &&str| !["FHS", "BHS", "BTS", "FTS"].iter().any(|name| line.starts_with(name));
                text.split(['\r', '\n']).filter(|line| !line.is_empty()).filter(envelope).map(str::to_owned).collect()
            };
            prop_assert_eq!(own(&held), own(&input));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(input in proptest::collection::vec(any::<u8>(), 0..200), head in 0..4_usize) {
        let heads: [&[u8]; 4] = [b"", b"FHS|^~\\&\r", b"\xff\xfeB\0H\0S\0|\0^\0~\0", b"BHS|^~\\&\rMSH|^~\\&"];
        let input = [heads.get(head).copied().unwrap_or_default(), &input].concat();
        let problem = Problem { code: "100", text: String::new() };
        drop((open(&input, &hospital()), reject(&input, &problem, &stamp())));
    }
}
