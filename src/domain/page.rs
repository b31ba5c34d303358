//! Lists in pages, newest first. A page begins after the last row of the one before, wherever that is by then: rows that
//! come and go in between are neither shown twice nor skipped.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Invalid;

/// The most rows of a page, and how many there are unless the caller says less.
pub const MAX_ROWS: i64 = 1000;

/// The end of the year 9999, the last of DATETIME, in microseconds since 1970.
const LATEST: i64 = 253_402_300_799_999_999;

/// A row's place in a list: its time, and its identifier among those of the same microsecond. As text, which is all that
/// callers see of it, it is hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The row's time.
    pub time: DateTime<Utc>,
    /// Its identifier.
    pub id: Uuid,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{}", self.time.timestamp_micros(), self.id.simple())
    }
}

impl FromStr for Cursor {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let foreign = || Invalid::new("input should be a next_cursor of this list");
        let (time, id) = text.split_at_checked(16).ok_or_else(foreign)?;
        let micros = i64::from_str_radix(time, 16).map_err(|_| foreign())?;
        let cursor = Self {
            time: DateTime::from_timestamp_micros(micros).ok_or_else(foreign)?,
            id: uuid::fmt::Simple::from_str(id).map_err(|_| foreign())?.into_uuid(),
        };
        // Only what we write ourselves: no signs, no capitals, no time that a database cannot keep.
        let is_possible = (0..=LATEST).contains(&micros);
        if is_possible && cursor.to_string() == text { Ok(cursor) } else { Err(foreign()) }
    }
}

/// Which rows of a list are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// At the most, from 1 to [`MAX_ROWS`].
    pub limit: i64,
    /// After this row; from the newest one without it.
    pub after: Option<Cursor>,
}

/// Some rows of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<Cursor>,
}

impl<T> Rows<T> {
    /// A page out of one row more than it may have, if there are so many.
    #[must_use]
    pub fn of_page(mut items: Vec<T>, limit: i64, place: impl Fn(&T) -> Cursor) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(place);
        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_survives_the_wire(micros in 0..4_102_444_800_000_000_i64, id in any::<u128>()) {
            let time = DateTime::from_timestamp_micros(micros).unwrap();
            let cursor = Cursor { time, id: Uuid::from_u128(id) };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn any_other_text_is_refused(text in ".{0,60}") {
            prop_assert!(text.parse::<Cursor>().map_or(true, |cursor| cursor.to_string() == text));
        }
    }

    #[test]
    fn what_we_did_not_write_is_refused() {
        let good = Cursor { time: DateTime::UNIX_EPOCH, id: Uuid::nil() }.to_string();
        let bad =
            [String::new(), good[1..].into(), format!("{good}0"), good.replace('0', "é"), good.to_uppercase() + " "];
        let beyond = "1c0000000000000000000000000000000000000000000000";
        for text in bad.iter().map(String::as_str).chain(["+000000000000000", "null", "ffffffffffffffff", beyond]) {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_page_has_no_next_one() {
        let cursor = |id: &u128| Cursor { time: DateTime::UNIX_EPOCH, id: Uuid::from_u128(*id) };
        let page = |rows: Vec<u128>| Rows::of_page(rows, 2, cursor);
        assert_eq!(page(vec![3, 2, 1]), Rows { items: vec![3, 2], next: Some(cursor(&2)) });
        assert_eq!(page(vec![3, 2]), Rows { items: vec![3, 2], next: None });
        assert_eq!(page(vec![]), Rows { items: vec![], next: None });
    }
}
