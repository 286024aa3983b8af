//! The archives that FHIR packages come in: tar, compressed by gzip. Only what is needed to read files is known.

use std::io::Read;

use super::wanted;

/// Bytes of an archive when unpacked.
const BYTES_MAX: u64 = 1 << 30;

/// Bytes of a block of tar.
const BLOCK: usize = 512;

/// The files of an archive that may hold definitions; `None` when it is none.
pub(super) fn files(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut plain = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(bytes).take(BYTES_MAX);
    reader.read_to_end(&mut plain).ok()?;
    let mut found = Vec::new();
    let mut rest = plain.as_slice();
    let mut long_name: Option<String> = None;
    while let Some((head, after)) = rest.split_at_checked(BLOCK) {
        if head.iter().all(|byte| *byte == 0) {
            break;
        }
        if head.get(257..262) != Some(b"ustar".as_slice()) {
            return None;
        }
        let size = octal(head.get(124..136)?)?;
        let (content, _) = after.split_at_checked(size)?;
        rest = after.get(size.div_ceil(BLOCK).checked_mul(BLOCK)?..).unwrap_or_default();
        match head.get(156)? {
            b'0' | 0 => {
                let name = long_name.take().unwrap_or_else(|| name(head));
                // Examples of a package are no definitions of it.
                let elsewhere = ["/example/", "/openapi/", "/other/"].iter().any(|part| name.contains(part));
                if wanted(&name) && !elsewhere {
                    found.push((name, content.to_vec()));
                }
            }
            b'x' => long_name = pax_path(content),
            b'L' => long_name = Some(text(content)),
            _ => long_name = None,
        }
    }
    Some(found)
}

fn octal(field: &[u8]) -> Option<usize> {
    let digits = text(field);
    usize::from_str_radix(digits.trim(), 8).ok()
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}

fn name(head: &[u8]) -> String {
    let prefix = text(head.get(345..500).unwrap_or_default());
    let name = text(head.get(..100).unwrap_or_default());
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}

/// The path in an extended header: lines of `LENGTH path=VALUE`.
fn pax_path(content: &[u8]) -> Option<String> {
    let content = String::from_utf8_lossy(content);
    let told = content.lines().filter_map(|line| line.split_once(' ')).map(|(_, told)| told);
    told.filter_map(|told| told.strip_prefix("path=")).map(str::to_owned).next()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::files;

    fn entry(name: &str, content: &[u8]) -> Vec<u8> {
        let mut head = vec![0_u8; 512];
        head[..name.len()].copy_from_slice(name.as_bytes());
        head[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        head[156] = b'0';
        head[257..262].copy_from_slice(b"ustar");
        head.extend_from_slice(content);
        head.resize(head.len().div_ceil(512) * 512, 0);
        head
    }

    fn compressed(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_definitions_of_a_package_are_found_and_its_examples_are_not() {
        let plain = [
            entry("package/package.json", b"{}"),
            entry("package/ValueSet-a.json", b"{\"resourceType\":\"ValueSet\"}"),
            entry("package/example/Patient-a.json", b"{}"),
            vec![0; 1024],
        ]
        .concat();
        let found = files(&compressed(&plain)).expect("an archive");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "package/ValueSet-a.json");
        assert_eq!(found[0].1, b"{\"resourceType\":\"ValueSet\"}");
    }

    #[test]
    fn what_ends_early_or_is_no_archive_is_refused() {
        let mut plain = entry("package/ValueSet-a.json", &[b'x'; 700]);
        plain.truncate(900);
        assert_eq!(files(&compressed(&plain)), None);
        assert_eq!(files(&compressed(&[b'x'; 600])), None);
        assert_eq!(files(b"plain"), None);
    }
}
