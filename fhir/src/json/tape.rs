//! The index over a text: one entry for each value, name and closing bracket.

/// Offsets and indexes of an [`Entry`] fit below this.
pub(super) const OFFSET_MAX: usize = (1 << 28) - 1;

/// One step of the index, in eight bytes: a tag and two numbers of 28 and 32 bits.
///
/// | tag | start | end |
/// |---|---|---|
/// | scalars, keys | first byte, quote included | after the last byte |
/// | `Object`, `Array` | opening byte | index after the matching `Close` |
/// | `Close` | closing byte | number of members or items |
#[derive(Clone, Copy)]
pub(super) struct Entry(u64);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Object = 0,
    Array = 1,
    Text = 2,
    EscapedText = 3,
    Number = 4,
    True = 5,
    False = 6,
    Null = 7,
    Key = 8,
    EscapedKey = 9,
    Close = 10,
}

impl Entry {
    #[inline]
    pub(super) const fn new(tag: Tag, start: usize, end: usize) -> Self {
        Self((tag as u64) << 60 | (start as u64) << 32 | end as u64)
    }

    pub(super) const fn with_end(self, end: usize) -> Self {
        Self(self.0 & !0xFFFF_FFFF | end as u64)
    }

    #[inline]
    pub(super) fn tag(self) -> Tag {
        const TAGS: [Tag; 16] = {
            let mut tags = [Tag::Close; 16];
            tags[0] = Tag::Object;
            tags[1] = Tag::Array;
            tags[2] = Tag::Text;
            tags[3] = Tag::EscapedText;
            tags[4] = Tag::Number;
            tags[5] = Tag::True;
            tags[6] = Tag::False;
            tags[7] = Tag::Null;
            tags[8] = Tag::Key;
            tags[9] = Tag::EscapedKey;
            tags
        };
        TAGS.get((self.0 >> 60) as usize).copied().unwrap_or(Tag::Close)
    }

    #[inline]
    pub(super) const fn is_container(self) -> bool {
        self.0 >> 61 == 0
    }

    /// Whether it is a name with an escape in it.
    #[inline]
    pub(super) const fn is_escaped_key(self) -> bool {
        self.0 >> 60 == Tag::EscapedKey as u64
    }

    /// Whether it is a name, with an escape in it or not.
    #[inline]
    pub(super) const fn is_key(self) -> bool {
        self.0 >> 61 == 4
    }

    #[inline]
    pub(super) const fn start(self) -> usize {
        (self.0 >> 32) as usize & OFFSET_MAX
    }

    #[inline]
    pub(super) const fn end(self) -> usize {
        (self.0 & 0xFFFF_FFFF) as usize
    }
}
