//! Reads `multipart/form-data` (RFC 7578, RFC 2046 section 5.1) block by block. Blocks of a part are handed on as
//! slices of what came from the socket: nothing is copied but a boundary that two blocks share.
//!
//! Of our own, because the length of a part must be known before its last byte, and the crates that parse forms
//! do not tell how far into the body they are.

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use memchr::memmem::Finder;

use crate::domain::body::{BodyError, ByteBlocks};

/// RFC 2046 section 5.1.1: a boundary has 1 to 70 characters.
const MAX_BOUNDARY: usize = 70;
const MAX_HEADERS: usize = 16 * 1024;
const MAX_PARTS: usize = 100;
/// The most bytes that may stand before the first boundary and behind the last.
const MAX_AROUND: u64 = 16 * 1024;

/// Reads a form part by part.
pub struct Multipart {
    blocks: ByteBlocks,
    /// What came and was not handed on.
    buffer: Bytes,
    /// How many bytes of the body lie before `buffer`.
    position: u64,
    /// CR LF, two dashes and the boundary.
    delimiter: Vec<u8>,
    finder: Finder<'static>,
    parts: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble,
    InPart,
    BetweenParts,
    End,
}

impl Multipart {
    /// A reader for a body with this content type; `None` when that tells no usable boundary.
    #[must_use]
    pub fn new(content_type: &mime::Mime, blocks: ByteBlocks) -> Option<Self> {
        let boundary = content_type.get_param(mime::BOUNDARY)?.as_str();
        if boundary.is_empty() || boundary.len() > MAX_BOUNDARY {
            return None;
        }
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Some(Self {
            blocks,
            // The first boundary may stand at the very beginning, without the line break that belongs to the others.
            buffer: Bytes::from_static(b"\r\n"),
            position: 0,
            finder: Finder::new(&delimiter).into_owned(),
            delimiter,
            parts: 0,
            state: State::Preamble,
        })
    }

    /// The next part's name; what is left of the part before is skipped. `None` at the end of the form.
    ///
    /// # Errors
    /// Those of the body, and [`BodyError::Malformed`].
    pub async fn next_part(&mut self) -> Result<Option<String>, BodyError> {
        if self.state == State::Preamble && self.is_empty().await? {
            self.state = State::End;
            return Ok(None);
        }
        let skipped_from = self.position;
        while self.next_block().await?.is_some() {
            if self.state == State::Preamble && self.position - skipped_from > MAX_AROUND {
                return Err(malformed("the form does not begin with its boundary"));
            }
        }
        if self.state == State::End || self.ends_here().await? {
            return Ok(None);
        }
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(malformed("the form has too many fields"));
        }
        let headers = self.headers().await?;
        self.state = State::InPart;
        Ok(Some(headers))
    }

    /// The next bytes of the part, or of the preamble; `None` at its end.
    ///
    /// # Errors
    /// Those of the body, and [`BodyError::Malformed`].
    pub async fn next_block(&mut self) -> Result<Option<Bytes>, BodyError> {
        while matches!(self.state, State::Preamble | State::InPart) {
            if let Some(at) = self.finder.find(&self.buffer) {
                let block = self.take(at);
                self.take(self.delimiter.len());
                self.state = State::BetweenParts;
                if !block.is_empty() {
                    return Ok(Some(block));
                }
                continue;
            }
            let safe = self.buffer.len() - self.shared_with_delimiter();
            if safe > 0 {
                return Ok(Some(self.take(safe)));
            }
            self.fill().await?;
        }
        Ok(None)
    }

    /// How many bytes of the body lie before the next one that [`Multipart::next_block`] gives.
    #[must_use]
    pub fn position(&self) -> u64 {
        // The line break that was put before the first boundary is not of the body.
        self.position.saturating_sub(2)
    }

    /// How many bytes follow a last part's bytes at the least: the closing delimiter.
    #[must_use]
    pub fn closing_length(&self) -> u64 {
        self.delimiter.len() as u64 + 2
    }

    /// Whether there is no body at all, which some clients send for a form without fields.
    async fn is_empty(&mut self) -> Result<bool, BodyError> {
        while self.buffer.len() <= 2 {
            match self.blocks.try_next().await? {
                Some(block) => self.append(&block),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Whether the boundary that was just passed is the last one; reads to the end of the body then.
    async fn ends_here(&mut self) -> Result<bool, BodyError> {
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if !self.buffer.starts_with(b"--") {
            return Ok(false);
        }
        let mut epilogue = self.buffer.len() as u64;
        self.buffer.clear();
        while let Some(block) = self.blocks.try_next().await? {
            epilogue += block.len() as u64;
            if epilogue > MAX_AROUND {
                return Err(malformed("too much follows the form's end"));
            }
        }
        self.state = State::End;
        Ok(true)
    }

    /// Reads the headers of a part; its name.
    async fn headers(&mut self) -> Result<String, BodyError> {
        let end = loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > MAX_HEADERS {
                return Err(malformed("the headers of a field are too long"));
            }
            self.fill().await?;
        };
        let block = self.take(end + 4);
        let text = String::from_utf8_lossy(&block[..end]);
        // RFC 2046 section 5.1.1: the boundary may be followed by white space up to its line break.
        let lines = text.split("\r\n").skip(1);
        let disposition = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"));
        let name = disposition.and_then(|(_, value)| parameter(value, "name"));
        name.ok_or_else(|| malformed("a field of the form has no name"))
    }

    /// How many bytes at the buffer's end may be the beginning of a delimiter.
    fn shared_with_delimiter(&self) -> usize {
        let longest = self.buffer.len().min(self.delimiter.len() - 1);
        let tail = &self.buffer[self.buffer.len() - longest..];
        let starts = memchr::memchr_iter(b'\r', tail);
        starts.map(|at| &tail[at..]).find(|rest| self.delimiter.starts_with(rest)).map_or(0, <[u8]>::len)
    }

    fn take(&mut self, length: usize) -> Bytes {
        self.position += length as u64;
        self.buffer.split_to(length)
    }

    async fn fill(&mut self) -> Result<(), BodyError> {
        let Some(block) = self.blocks.next().await.transpose()? else {
            return Err(malformed("the form ends before its last boundary"));
        };
        if self.buffer.is_empty() {
            self.buffer = block;
        } else {
            self.append(&block);
        }
        Ok(())
    }

    fn append(&mut self, block: &[u8]) {
        let mut joined = BytesMut::with_capacity(self.buffer.len() + block.len());
        joined.extend_from_slice(&self.buffer);
        joined.extend_from_slice(block);
        self.buffer = joined.freeze();
    }
}

fn malformed(what: &str) -> BodyError {
    BodyError::Malformed(what.to_owned())
}

/// A parameter of a header's value: a token, or a quoted string with backslashes (RFC 2045 section 5.1).
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (text, next) = if let Some(quoted) = after.strip_prefix('"') {
            unquote(quoted)?
        } else {
            let end = after.find(';').unwrap_or(after.len());
            (after[..end].trim().to_owned(), &after[end..])
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(text);
        }
        rest = next.split_once(';')?.1;
    }
}

/// The text up to the closing quote, and what follows it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' => text.push(chars.next()?.1),
            _ => text.push(c),
        }
    }
    None
}
