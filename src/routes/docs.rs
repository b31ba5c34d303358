//! The API's description, and a page to read it.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

use super::errors::ApiError;
use crate::app::ApiState;

pub(super) fn routes(description: &OpenApi) -> Router<ApiState> {
    let json = description.to_json().unwrap_or_default();
    let pages = Arc::new(Config::from("/openapi.json"));
    let index = Arc::clone(&pages);
    Router::new()
        .route("/openapi.json", get(|| async { ([(header::CONTENT_TYPE, "application/json")], json) }))
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(|| async move { page("", &index) }))
        .route("/docs/{*file}", get(|Path(file): Path<String>| async move { page(&file, &pages) }))
}

fn page(file: &str, config: &Arc<Config<'static>>) -> Response {
    match utoipa_swagger_ui::serve(file, Arc::clone(config)) {
        Ok(Some(page)) => (StatusCode::OK, [(header::CONTENT_TYPE, page.content_type)], page.bytes).into_response(),
        Ok(None) => ApiError::not_found().into_response(),
        Err(error) => ApiError::internal(error.to_string()).into_response(),
    }
}
