//! MLLP: however a stream is cut, the same frames come out.

use adapters::mllp::{Decoder, Framing, frame};
use proptest::prelude::{any, prop};
use proptest::proptest;

fn frames(stream: &[u8], cuts: &[usize], bytes_max: usize) -> (Vec<Vec<u8>>, Result<(), Framing>) {
    let mut decoder = Decoder::new(bytes_max);
    let mut taken = Vec::new();
    let mut from = 0;
    let mut ends: Vec<usize> =
        cuts.iter().map(|cut| cut % (stream.len() + 1)).chain([stream.len()]).collect();
    ends.sort_unstable();
    let mut last = Ok(());
    for end in ends {
        last = decoder.feed(&stream[from..end], |frame| taken.push(frame));
        from = end;
    }
    (taken, last)
}

#[test]
fn a_stream_cut_at_every_byte_yields_the_same_frames() {
    let stream = [frame(b"one"), b"\r\n\n".to_vec(), frame(b""), frame(b"two\rthree")].concat();
    let every: Vec<usize> = (0..stream.len()).collect();
    let expected = vec![b"one".to_vec(), b"".to_vec(), b"two\rthree".to_vec()];
    assert_eq!(frames(&stream, &every, 100), (expected.clone(), Ok(())));
    assert_eq!(frames(&stream, &[], 100), (expected, Ok(())));
}

#[test]
fn a_broken_frame_ends_the_stream_after_the_whole_ones() {
    let good = frame(b"good");
    for (rest, expected) in [
        (&b"\x0bone\x0btwo\x1c\r"[..], Framing::StartInside),
        (b"\x0bone\x1ctwo\x1c\r", Framing::BrokenEnd),
        (b"\x0bone\x1c\n", Framing::BrokenEnd),
        (b"junk\x0bone\x1c\r", Framing::Stray),
        (b"\x0b0123456789x\x1c\r", Framing::TooLarge { max: 10 }),
    ] {
        let stream = [&good[..], rest, &frame(b"after")].concat();
        let (taken, ended) = frames(&stream, &[], 10);
        assert_eq!((taken, ended), (vec![b"good".to_vec()], Err(expected)));
    }
}

#[test]
fn a_frame_of_the_largest_size_is_taken_and_a_missing_end_is_waited_for() {
    let (taken, ended) = frames(&frame(b"0123456789"), &[], 10);
    assert_eq!((taken.len(), ended), (1, Ok(())));
    let mut decoder = Decoder::new(10);
    decoder.feed(b"\x0bhalf", |_| panic!("not a frame yet")).unwrap();
    assert!(decoder.is_inside());
}

proptest! {
    #[test]
    fn any_cut_of_any_stream_yields_the_same(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..8),
        noise in prop::collection::vec(any::<u8>(), 0..6),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let stream = [messages.iter().flat_map(|message| frame(message)).collect::<Vec<u8>>(), noise].concat();
        assert_eq!(frames(&stream, &cuts, 20), frames(&stream, &[], 20));
    }
}
