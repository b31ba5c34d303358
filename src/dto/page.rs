//! Queries of lists.

use super::fields::{FieldReader, Fields};
use crate::domain::page::MAX_ROWS;
use crate::domain::{Page, UserId};
use crate::services::FieldError;

/// Reads which rows of a list are wanted.
///
/// # Errors
/// All fields that are wrong.
pub fn parse_page(fields: &Fields) -> Result<Page, Vec<FieldError>> {
    let mut reader = FieldReader::new(fields);
    let page = page(&mut reader);
    reader.finish(page)
}

/// Reads which rows of a user's list are wanted.
///
/// # Errors
/// All fields that are wrong.
pub fn parse_page_of_user(fields: &Fields) -> Result<(UserId, Page), Vec<FieldError>> {
    let mut reader = FieldReader::new(fields);
    let user_id = reader.id_required("user_id");
    let page = page(&mut reader);
    reader.finish(user_id.map(|id| (id, page)))?.ok_or_else(Vec::new)
}

fn page(reader: &mut FieldReader<'_>) -> Page {
    let limit = reader.integer("limit", 1, MAX_ROWS).unwrap_or(MAX_ROWS);
    Page { limit, after: reader.parse("cursor", str::parse) }
}
