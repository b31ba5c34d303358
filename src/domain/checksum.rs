//! Checksums of whole files, as callers say them and as the service answers them.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::Invalid;

const CRC: &str = "crc64nvme";
const SHA: &str = "sha-256";
const WANTED: &str = "input should be 'crc64nvme:' or 'sha-256:' and the checksum in hex or base64";

/// A checksum with the name of its algorithm: `crc64nvme:` as S3 names it, or `sha-256:` as HTTP does
/// (RFC 9530 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// CRC-64/NVME, which is combined from those of the chunks.
    Crc64Nvme(u64),
    /// SHA-256, for which the whole file has to be read.
    Sha256([u8; 32]),
}

impl FromStr for Checksum {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new(WANTED);
        let (algorithm, value) = text.split_once(':').ok_or_else(wrong)?;
        match algorithm.to_ascii_lowercase().as_str() {
            CRC => bytes(value).map(|bytes| Self::Crc64Nvme(u64::from_be_bytes(bytes))).ok_or_else(wrong),
            SHA => bytes(value).map(Self::Sha256).ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }
}

/// Exactly `N` bytes, in hex or in base64: their lengths tell which it is.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let decoded = if text.len() == 2 * N { hex::decode(text).ok() } else { BASE64_STANDARD.decode(text).ok() };
    decoded?.try_into().ok()
}

/// The algorithm and the value in hex.
impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crc64Nvme(crc) => write!(f, "{CRC}:{crc:016x}"),
            Self::Sha256(digest) => write!(f, "{SHA}:{}", hex::encode(digest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Checksum;

    #[test]
    fn hex_and_base64_are_understood_and_hex_is_answered() {
        let crc = Checksum::Crc64Nvme(0x1894_2ff9_165f_0038);
        assert_eq!("crc64nvme:18942ff9165f0038".parse(), Ok(crc));
        assert_eq!("crc64nvme:GJQv+RZfADg=".parse(), Ok(crc));
        assert_eq!(crc.to_string(), "crc64nvme:18942ff9165f0038");
        let sha = "sha-256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let parsed: Checksum = sha.parse().unwrap();
        assert_eq!(parsed.to_string(), sha);
        assert_eq!("SHA-256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse(), Ok(parsed));
    }

    #[test]
    fn other_algorithms_and_lengths_are_refused() {
        for bad in ["", "crc64nvme", "crc64nvme:", "crc64nvme:00", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha-256:00"]
        {
            assert!(bad.parse::<Checksum>().is_err(), "{bad}");
        }
    }
}
