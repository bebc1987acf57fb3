//! Decompressing the body of a request, up to a limit.

use std::io::Read;

/// The compression of a body, from its `Content-Encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// None.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// Why a body could not be decompressed. Only the sender can fix it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BodyError {
    /// An unknown encoding.
    #[error("The content encoding {0:?} is not supported. Send gzip, zstd or no encoding.")]
    UnknownEncoding(String),
    /// The bytes do not match the header.
    #[error("The body is not valid {0}. Check that Content-Encoding matches the compression of the body.")]
    Broken(&'static str),
    /// It would decompress to more than is allowed, as a decompression bomb does.
    #[error("The body unpacks to more than {0} bytes. Send smaller batches.")]
    TooLarge(usize),
}

impl Encoding {
    /// Reads a `Content-Encoding` header, if there is one.
    ///
    /// # Errors
    /// [`BodyError::UnknownEncoding`] with the unknown name.
    pub fn parse(header: Option<&str>) -> Result<Self, BodyError> {
        match header.map(|text| text.trim().to_ascii_lowercase()).as_deref() {
            None | Some("" | "identity") => Ok(Self::Identity),
            Some("gzip" | "x-gzip") => Ok(Self::Gzip),
            Some("zstd") => Ok(Self::Zstd),
            Some(other) => Err(BodyError::UnknownEncoding(other.to_owned())),
        }
    }
}

/// Decompresses `packed`, and stops when the result would be larger than `limit` bytes: memory use
/// is bounded by the limit for any body.
///
/// # Errors
/// [`BodyError::Broken`] or [`BodyError::TooLarge`].
pub fn unpack(
    packed: &[u8],
    encoding: Encoding,
    limit: usize,
) -> Result<std::borrow::Cow<'_, [u8]>, BodyError> {
    let unpacked = match encoding {
        Encoding::Identity if packed.len() > limit => return Err(BodyError::TooLarge(limit)),
        Encoding::Identity => return Ok(packed.into()),
        Encoding::Gzip => read(flate2::read::MultiGzDecoder::new(packed), "gzip", packed.len(), limit)?,
        Encoding::Zstd => {
            let decoder = zstd::Decoder::with_buffer(packed).map_err(|_| BodyError::Broken("zstd"))?;
            read(decoder, "zstd", packed.len(), limit)?
        }
    };
    Ok(unpacked.into())
}

fn read(decoder: impl Read, name: &'static str, packed: usize, limit: usize) -> Result<Vec<u8>, BodyError> {
    // Logs shrink about eightfold; a wrong guess costs one more allocation.
    let mut unpacked = Vec::with_capacity(packed.saturating_mul(8).min(limit));
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(bound).read_to_end(&mut unpacked).map_err(|_| BodyError::Broken(name))?;
    if unpacked.len() > limit { Err(BodyError::TooLarge(limit)) } else { Ok(unpacked) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn each_encoding_comes_out_as_it_went_in() {
        let plain = b"one line\nanother".repeat(100);
        for (encoding, packed) in [
            (Encoding::Identity, plain.clone()),
            (Encoding::Gzip, gzip(&plain)),
            (Encoding::Zstd, zstd::encode_all(&plain[..], 1).unwrap()),
        ] {
            assert_eq!(unpack(&packed, encoding, 10_000).unwrap().as_ref(), plain, "{encoding:?}");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit_and_a_body_at_the_limit_passes() {
        let zeros = vec![0u8; 1 << 20];
        for (encoding, packed) in [
            (Encoding::Gzip, gzip(&zeros)),
            (Encoding::Zstd, zstd::encode_all(&zeros[..], 1).unwrap()),
            (Encoding::Identity, zeros),
        ] {
            assert_eq!(
                unpack(&packed, encoding, (1 << 20) - 1),
                Err(BodyError::TooLarge((1 << 20) - 1)),
                "{encoding:?}"
            );
            assert!(unpack(&packed, encoding, 1 << 20).is_ok(), "{encoding:?}");
        }
    }

    #[test]
    fn a_broken_or_unknown_compression_is_an_error() {
        assert_eq!(unpack(b"not packed", Encoding::Gzip, 99), Err(BodyError::Broken("gzip")));
        assert_eq!(unpack(b"not packed", Encoding::Zstd, 99), Err(BodyError::Broken("zstd")));
        let cut = gzip(&[7; 5000]);
        assert_eq!(unpack(&cut[..cut.len() - 4], Encoding::Gzip, 9999), Err(BodyError::Broken("gzip")));
        assert_eq!(Encoding::parse(Some("br")), Err(BodyError::UnknownEncoding("br".to_owned())));
        assert_eq!(Encoding::parse(Some("GZIP")), Ok(Encoding::Gzip));
    }
}
