//! Reads the protocol's primitives from a slice, with every length checked against what is left.

use std::fmt;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// They end too early.
    Short,
    /// A number of variable length goes on for too many bytes, or past its type.
    Varint,
    /// A length or count below zero where none may be.
    Negative(i32),
    /// A length or count beyond what is left.
    Beyond {
        /// What it says, in bytes or elements.
        announced: usize,
        /// Bytes that are left.
        left: usize,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(f, "bytes end too early"),
            Self::Varint => write!(f, "number of variable length is too long"),
            Self::Negative(length) => write!(f, "length is {length}"),
            Self::Beyond { announced, left } => {
                write!(f, "length {announced} is beyond the {left} bytes that are left")
            }
        }
    }
}

impl std::error::Error for Malformed {}

/// A place in a slice. A read that fails leaves it where it was or at the end: use it no further.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Bytes from here to the end.
    pub(super) const fn left(&self) -> usize {
        self.0.len()
    }

    /// What is left, as it stands.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let Some((taken, rest)) = self.0.split_at_checked(count) else {
            return Err(Malformed::Beyond { announced: count, left: self.0.len() });
        };
        self.0 = rest;
        Ok(taken)
    }

    #[inline]
    pub(super) fn skip(&mut self, count: usize) -> Result<(), Malformed> {
        self.take(count).map(|_| ())
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let Some((taken, rest)) = self.0.split_first_chunk() else {
            return Err(Malformed::Short);
        };
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    /// An unsigned number of up to five bytes, seven bits a byte, lowest first.
    #[inline]
    pub(super) fn unsigned_varint(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.unsigned::<5>()?).map_err(|_| Malformed::Varint)
    }

    /// The same of up to `MAX` bytes, which is five or ten.
    #[inline]
    fn unsigned<const MAX: usize>(&mut self) -> Result<u64, Malformed> {
        let Some((&first, rest)) = self.0.split_first() else { return Err(Malformed::Short) };
        if first < 0x80 {
            self.0 = rest;
            return Ok(u64::from(first));
        }
        self.long::<MAX>()
    }

    fn long<const MAX: usize>(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for (at, &byte) in self.0.iter().enumerate().take(MAX) {
            let bits = u64::from(byte & 0x7f);
            // The tenth byte holds the 64th bit alone.
            if at == 9 && bits > 1 {
                return Err(Malformed::Varint);
            }
            value |= bits << (7 * at);
            if byte < 0x80 {
                self.0 = self.0.get(at + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(if self.0.len() < MAX { Malformed::Short } else { Malformed::Varint })
    }

    /// A signed number, zigzag.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<i32, Malformed> {
        let raw = self.unsigned_varint()?;
        Ok((raw >> 1).cast_signed() ^ -((raw & 1).cast_signed()))
    }

    /// A signed number, zigzag, of 64 bits.
    #[inline]
    pub(super) fn varlong(&mut self) -> Result<i64, Malformed> {
        let raw = self.unsigned::<10>()?;
        Ok((raw >> 1).cast_signed() ^ -((raw & 1).cast_signed()))
    }

    /// A length that was read as a signed number: -1 is null, less is malformed.
    #[inline]
    pub(super) fn nullable(length: i32) -> Result<Option<usize>, Malformed> {
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(Malformed::Negative(length)),
        }
    }

    /// A compact length: one more than it says, 0 is null.
    pub(super) fn compact_length(&mut self) -> Result<Option<usize>, Malformed> {
        let raw = self.unsigned_varint()?;
        Ok(raw.checked_sub(1).map(|length| usize::try_from(length).unwrap_or(usize::MAX)))
    }

    /// Skips a section of tagged fields whose tags mean nothing here.
    pub(super) fn skip_tagged_fields(&mut self) -> Result<(), Malformed> {
        for _ in 0..self.unsigned_varint()? {
            self.unsigned_varint()?;
            let size = self.unsigned_varint()?;
            self.skip(usize::try_from(size).unwrap_or(usize::MAX))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_variable_length_read_to_their_ends() {
        for (bytes, expected) in [
            (&[0x00][..], 0),
            (&[0x7f], 127),
            (&[0x80, 0x01], 128),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], u32::MAX),
        ] {
            let mut cursor = Cursor::new(bytes);

            assert_eq!(cursor.unsigned_varint(), Ok(expected));
            assert_eq!(cursor.left(), 0);
        }
    }

    #[test]
    fn numbers_past_their_type_are_refused() {
        let beyond_32_bits = [0xff, 0xff, 0xff, 0xff, 0x1f];
        let six_bytes = [0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
        let beyond_64_bits = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        let endless = [0x80; 20];

        assert_eq!(Cursor::new(&beyond_32_bits).unsigned_varint(), Err(Malformed::Varint));
        assert_eq!(Cursor::new(&six_bytes).unsigned_varint(), Err(Malformed::Varint));
        assert_eq!(Cursor::new(&beyond_64_bits).varlong(), Err(Malformed::Varint));
        assert_eq!(Cursor::new(&endless).varlong(), Err(Malformed::Varint));
        assert_eq!(Cursor::new(&endless[..4]).varlong(), Err(Malformed::Short));
    }

    #[test]
    fn zigzag_numbers_keep_their_sign() {
        assert_eq!(Cursor::new(&[0x01]).varint(), Ok(-1));
        assert_eq!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]).varint(), Ok(i32::MIN));
        assert_eq!(Cursor::new(&[0xfe, 0xff, 0xff, 0xff, 0x0f]).varint(), Ok(i32::MAX));
        assert_eq!(
            Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]).varlong(),
            Ok(i64::MIN)
        );
    }
}
