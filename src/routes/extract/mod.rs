//! Takes requests apart: forms, JSON, paths, proofs.

pub mod body;
pub mod chunk_form;
pub mod fields;
pub mod multipart;
#[cfg(test)]
mod multipart_tests;
pub mod path_id;
pub mod proof;
pub mod raw_chunk;
pub mod upload_id;
