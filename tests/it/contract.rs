//! Every row of the API's tables, to the letter.

use serde_json::json;

use crate::support::client::Answer;
use crate::support::{Client, Deployment, Service, bytes};

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";
const NO_UPLOAD: &str = "File directory not found. Please initialize first!";

async fn embedded() -> (Deployment, Service, Client) {
    let deployment = Deployment::embedded().await.set("APP_MAX_CHUNK_SIZE", "1000");
    let api = deployment.api().await;
    let client = api.client();
    (deployment, api, client)
}

fn invalid(errors: &[&str]) -> (u16, Vec<String>, String) {
    (422, errors.iter().map(|error| (*error).to_owned()).collect(), String::new())
}

#[tokio::test]
async fn init_works_with_nothing_and_with_every_kind_of_body() {
    let (_deployment, _api, client) = embedded().await;
    let url = client.url("/file/upload/init/");
    let requests = [
        client.http.post(&url),
        client.http.post(&url).form(&[("filename", "a.txt"), ("total_size", "5")]),
        client
            .http
            .post(&url)
            .json(&json!({"filename": "a.txt", "total_size": 5, "credential": {"a": 1}, "detail": null})),
        client.http.post(&url).multipart(reqwest::multipart::Form::new().text("filename", "a.txt")),
    ];
    for request in requests {
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.body["message"], "");
        let data = answer.data();
        assert_eq!(data["chunk_size"], 1000);
        assert_eq!(data["upload_id"].as_str().unwrap().len(), 36);
        assert_eq!(data.as_object().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn the_chunk_size_is_raised_for_a_file_that_needs_more_than_ten_thousand() {
    let (_deployment, _api, client) = embedded().await;
    let data = client.post("/file/upload/init", &[("total_size", "10000001")]).await.data();
    assert_eq!(data["chunk_size"], 1001);
}

#[tokio::test]
async fn init_refuses_what_is_wrong_all_at_once() {
    let (_deployment, _api, client) = embedded().await;
    let fields = [
        ("total_size", "-1"),
        ("file_extension", "exe"),
        ("visibility", "secret"),
        ("credential", "[]"),
        ("user_id", "7"),
        ("content_type", "nonsense"),
    ];
    let (status, errors, message) = client.post("/file/upload/init", &fields).await.error();
    assert_eq!((status, message.as_str(), errors.len()), (422, "", 6), "{errors:?}");
    for expected in [
        "[body->total_size] input should be greater than or equal to 0",
        "[body->visibility] input should be 'public' or 'private'",
        "[body->credential] invalid json format for credential",
        "[body->user_id] input should be a valid uuid",
    ] {
        assert!(errors.iter().any(|error| error == expected), "{expected} is not in {errors:?}");
    }
    let extension = errors.iter().find(|error| error.starts_with("[body->file_extension] ")).unwrap();
    assert!(extension.starts_with("[body->file_extension] input should be 'txt', 'jpg', "), "{extension}");
    assert!(extension.ends_with(", 'tif' or 'tga'"), "{extension}");
}

#[tokio::test]
async fn a_chunk_is_answered_as_the_contract_says() {
    let (_deployment, _api, client) = embedded().await;
    let upload = client.init(&[]).await;
    for _ in 0..2 {
        let answer = client.chunk(&upload, 3, b"abc").await;
        assert_eq!(answer.body["message"], "The chunk is uploaded successfully!");
        assert_eq!(answer.data(), json!({"chunk_index": 3, "upload_id": upload}));
    }
    let (status, errors, _) = client.chunk(&upload, 3, b"abd").await.error();
    assert_eq!((status, errors.len()), (409, 0));
    assert_eq!(client.chunk(&upload, 3, b"abcd").await.status, 409);
}

#[tokio::test]
async fn every_bad_chunk_gets_its_answer() {
    let (_deployment, _api, client) = embedded().await;
    let upload = client.init(&[]).await;
    for unknown in [UNKNOWN, "nonsense", "../../etc"] {
        let answer = client.chunk(unknown, 0, b"abc").await.error();
        assert_eq!(answer, (422, vec![], NO_UPLOAD.to_owned()), "{unknown}");
    }
    let over = "[body->chunk_size] input should be less than or equal to 1000";
    assert_eq!(client.chunk_saying(&upload, "0", "1001", b"abc").await.error(), invalid(&[over]));
    let longer = "[body->file] file size is larger than valid chunk size";
    assert_eq!(client.chunk_saying(&upload, "0", "1000", &bytes(1001, 1)).await.error(), invalid(&[longer]));
    assert_eq!(client.chunk_file_first(&upload, 0, &bytes(1001, 1)).await.error(), invalid(&[longer]));
    let (status, errors, _) = client.chunk_saying(&upload, "0", "100", &bytes(101, 1)).await.error();
    assert_eq!(status, 422);
    assert!(
        errors[0].starts_with("[body->file] ") && errors[0].contains("101") && errors[0].contains("100"),
        "{errors:?}"
    );
    client.chunk_saying(&upload, "0", "1000", &bytes(101, 1)).await.data();
    assert_eq!(client.chunk(&upload, 1, b"").await.status, 422);
}

#[tokio::test]
async fn a_chunk_without_its_fields_is_told_all_of_them() {
    let (_deployment, _api, client) = embedded().await;
    let missing = [
        "[body->chunk_size] field required",
        "[body->upload_id] field required",
        "[body->chunk_index] field required",
        "[body->file] field required",
    ];
    assert_eq!(client.post("/file/upload/chunk", &[("other", "1")]).await.error(), invalid(&missing));
    let no_number = "input should be a valid integer, unable to parse string as an integer";
    let wrong = [
        format!("[body->chunk_size] {no_number}"),
        "[body->chunk_index] input should be greater than or equal to 0".to_owned(),
    ];
    let (status, errors, _) = client.chunk_saying(UNKNOWN, "-1", "many", b"abc").await.error();
    assert_eq!((status, errors.as_slice()), (422, &wrong[..]));
    let form = client.http.post(client.url("/file/upload/chunk/")).form(&[
        ("chunk_size", "3"),
        ("upload_id", UNKNOWN),
        ("chunk_index", "0"),
    ]);
    assert_eq!(Answer::of(form.send().await.unwrap()).await.error(), invalid(&["[body->file] field required"]));
}

#[tokio::test]
async fn complete_answers_every_field_and_the_same_file_again() {
    let (_deployment, _api, client) = embedded().await;
    let upload = client.init(&[]).await;
    client.chunk(&upload, 0, b"hello").await.data();
    let more = [("filename", "report.pdf"), ("file_extension", "jpg"), ("content_type", "image/jpeg")];
    let file = client.complete(&upload, 1, 5, &more).await.data();
    let keys: Vec<&str> = file.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "id",
        "filename",
        "path",
        "content_type",
        "found_type",
        "size",
        "checksum",
        "detail",
        "credential",
        "download_url",
        "status",
        "user_id",
        "appointment_id",
        "created_at",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(file["path"], format!("public/{upload}.jpg"));
    assert_eq!(file["status"], "PENDING");
    assert!(file["created_at"].as_str().unwrap().ends_with('Z'));
    let again = client.complete(&upload, 1, 5, &more).await.data();
    assert_eq!(again["id"], file["id"]);
    assert_eq!(client.chunk(&upload, 1, b"more").await.status, 409);
    assert_eq!(client.chunk(&upload, 0, b"hello").await.status, 409);
}

#[tokio::test]
async fn complete_refuses_what_does_not_add_up_and_can_be_mended() {
    let (_deployment, _api, client) = embedded().await;
    let upload = client.init(&[]).await;
    for index in [0, 1, 2, 4, 5, 6, 10] {
        client.chunk(&upload, index, b"ab").await.data();
    }
    let missing = "[body->total_chunks] missing chunks: 3, 7-9";
    assert_eq!(client.complete(&upload, 11, 22, &[]).await.error(), invalid(&[missing]));
    for index in [3, 7, 8, 9] {
        client.chunk(&upload, index, b"ab").await.data();
    }
    let (status, errors, _) = client.complete(&upload, 11, 23, &[]).await.error();
    assert_eq!(status, 422);
    assert!(
        errors[0].starts_with("[body->total_size] ") && errors[0].contains("22") && errors[0].contains("23"),
        "{errors:?}"
    );
    let (status, errors, _) = client.complete(&upload, 3, 6, &[]).await.error();
    assert_eq!(status, 422);
    assert!(errors[0].starts_with("[body->total_chunks] "), "{errors:?}");
    let unknown = client.complete(UNKNOWN, 1, 1, &[]).await.error();
    assert_eq!(unknown, (422, vec![], NO_UPLOAD.to_owned()));
    client.complete(&upload, 11, 22, &[]).await.data();
}

#[tokio::test]
async fn complete_refuses_wrong_fields() {
    let (_deployment, _api, client) = embedded().await;
    let required = ["upload_id", "total_chunks", "total_size", "file_extension", "content_type"];
    let errors: Vec<String> = required.iter().map(|field| format!("[body->{field}] field required")).collect();
    assert_eq!(client.post("/file/upload/complete/", &[]).await.error(), (422, errors, String::new()));
    let upload = client.init(&[]).await;
    client.chunk(&upload, 0, b"ab").await.data();
    let long = format!("\"{}\"", "x".repeat(65 * 1024));
    let detail = format!(r#"{{"a": {long}}}"#);
    for (field, value) in [
        ("credential", "{"),
        ("credential", r#"{"a": {"nested": 1}}"#),
        ("detail", "[]"),
        ("detail", &detail),
        ("content_type", &format!("text/{}", "x".repeat(300))),
        ("filename", &"n".repeat(256)),
        ("user_id", "84793"),
        ("appointment_id", "x"),
    ] {
        let (status, errors, _) = client.complete(&upload, 1, 2, &[(field, value)]).await.error();
        assert_eq!((status, errors.len()), (422, 1), "{field}: {errors:?}");
        assert!(errors[0].starts_with(&format!("[body->{field}] ")), "{errors:?}");
    }
    let (status, errors, _) =
        client.complete(&upload, 1, 2, &[("user_id", UNKNOWN), ("appointment_id", UNKNOWN)]).await.error();
    assert_eq!((status, errors.len()), (422, 2), "{errors:?}");
    assert!(
        errors[0].starts_with("[body->user_id] ") && errors[1].starts_with("[body->appointment_id] "),
        "{errors:?}"
    );
}

#[tokio::test]
async fn numbers_are_checked_as_the_contract_says() {
    let (_deployment, _api, client) = embedded().await;
    let upload = client.init(&[]).await;
    let two_to_63 = "9223372036854775808";
    for (chunks, size, wrong) in [
        ("0", "1", "total_chunks"),
        ("-1", "0", "total_chunks"),
        (two_to_63, "1", "total_chunks"),
        ("1", "0", "total_size"),
        ("1", "-1", "total_size"),
        ("1", two_to_63, "total_size"),
    ] {
        let more = [("total_chunks", chunks), ("total_size", size)];
        let (status, errors, _) = client.complete(&upload, 0, 0, &more).await.error();
        assert_eq!((status, errors.len()), (422, 1), "{chunks} {size}: {errors:?}");
        assert!(errors[0].starts_with(&format!("[body->{wrong}] input should be ")), "{errors:?}");
    }
}

#[tokio::test]
async fn unknown_files_routes_and_methods_get_the_envelope() {
    let (_deployment, _api, client) = embedded().await;
    for path in [
        &format!("/file/get/{UNKNOWN}"),
        "/file/status/nonsense/",
        &format!("/file/download/{UNKNOWN}"),
        "/nowhere",
        "/file/get",
    ] {
        assert_eq!(client.get(path).await.error(), (404, vec![], "Not found!".to_owned()), "{path}");
    }
    for path in ["/file/upload/init", &format!("/file/{UNKNOWN}")] {
        assert_eq!(client.get(path).await.error().0, 405, "{path}");
    }
    let outside = client.http.get(format!("{}/nowhere", client.base)).send().await.unwrap();
    assert_eq!(Answer::of(outside).await.error().0, 404);
}

#[tokio::test]
async fn retry_says_why_there_is_nothing_to_try() {
    let (_deployment, _api, client) = embedded().await;
    let file = client.upload(&[b"abc".to_vec()], &[], &[("credential", r#"{"k": "v"}"#)]).await;
    let id = file["id"].as_str().unwrap();
    client.done(&file, Some(r#"{"k": "v"}"#)).await;
    let answer = client.post("/file/upload/retry", &[("file_id", id), ("credential", r#"{"k": "v"}"#)]).await.error();
    assert_eq!(answer, (400, vec![], "File uploaded previously!".to_owned()));
    assert_eq!(client.post("/file/upload/retry/", &[("file_id", id)]).await.error().0, 403);
    assert_eq!(client.post("/file/upload/retry", &[("file_id", UNKNOWN)]).await.error().0, 404);
    let missing = client.post("/file/upload/retry", &[]).await.error();
    assert_eq!(missing, invalid(&["[body->file_id] field required"]));
}

#[tokio::test]
async fn every_answer_carries_the_request_id() {
    let (_deployment, _api, client) = embedded().await;
    let url = client.url("/file/get/nonsense");
    let given = client.http.get(&url).header("x-request-id", "mine-1").send().await.unwrap();
    assert_eq!(given.headers()["x-request-id"], "mine-1");
    let bad = client.http.get(&url).header("x-request-id", "bad id!").send().await.unwrap();
    assert_eq!(bad.headers()["x-request-id"].len(), 36);
}

#[tokio::test]
async fn a_bad_credential_header_is_named() {
    let (_deployment, _api, client) = embedded().await;
    let answer = client.get_with(&format!("/file/get/{UNKNOWN}"), "{").await.error();
    assert_eq!(answer, invalid(&["[header->x-file-credential] invalid json format for credential"]));
}

#[tokio::test]
async fn pages_of_the_known_origins_may_call_and_others_may_not() {
    let deployment = Deployment::embedded().await.set("APP_CORS_ORIGINS", "https://app.example.org");
    let api = deployment.api().await;
    let client = api.client();
    let asked = async |origin: &str| {
        let preflight = client.http.request(reqwest::Method::OPTIONS, client.url("/file/upload/init/"));
        let preflight = preflight.header("origin", origin).header("access-control-request-method", "POST");
        let answer = preflight.header("access-control-request-headers", "content-type").send().await.unwrap();
        answer.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned())
    };
    for origin in ["http://localhost:3000", "https://app.example.org"] {
        assert_eq!(asked(origin).await.as_deref(), Some(origin));
    }
    assert_eq!(asked("https://evil.example.org").await, None);
}

#[tokio::test]
async fn the_pages_and_the_description_are_there() {
    let (_deployment, _api, client) = embedded().await;
    for (path, content) in [
        ("/", "File manager"),
        ("/docs/", "swagger-ui"),
        ("/docs/swagger-ui.css", ".swagger-ui"),
        ("/openapi.json", "/api/v1/file/upload/init"),
    ] {
        let page = client.http.get(format!("{}{path}", client.base)).send().await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        assert!(page.text().await.unwrap().contains(content), "{path}");
    }
    let live = Answer::of(client.http.get(format!("{}/health/live", client.base)).send().await.unwrap()).await;
    assert_eq!(live.data()["status"], "ok");
    let ready = Answer::of(client.http.get(format!("{}/health/ready", client.base)).send().await.unwrap()).await;
    assert_eq!(ready.data(), json!({"status": "ok", "dependencies": {"database": "ok", "store": "ok", "queue": "ok"}}));
}

#[tokio::test]
async fn a_download_says_what_it_is_and_runs_nowhere() {
    let (_deployment, _api, client) = embedded().await;
    let more = [("filename", "seite \"1\".html"), ("file_extension", "html"), ("content_type", "text/html")];
    let file = client.upload(&[b"<script>".to_vec()], &[], &more).await;
    client.done(&file, None).await;
    let answer = client.http.get(file["download_url"].as_str().unwrap()).send().await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/html");
    assert_eq!(header("content-length"), "8");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("content-security-policy").contains("sandbox"));
    assert_eq!(
        header("content-disposition"),
        "attachment; filename=\"seite _1_.html\"; filename*=UTF-8''seite%20%221%22.html"
    );
}

#[tokio::test]
async fn every_answer_tells_browsers_to_take_it_for_nothing_else() {
    let (_deployment, _api, client) = embedded().await;
    for (path, is_json) in [
        ("/api/v1/users", true),
        ("/api/v1/file/get/not-an-id", true),
        ("/api/v1/file/upload/init", true),
        ("/api/v1/nothing", true),
        ("/openapi.json", true),
        ("/health/ready", true),
        ("/metrics", false),
        ("/docs/", false),
        ("/", false),
    ] {
        let answer = client.http.get(format!("{}{path}", client.base)).send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap());
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert!(["no-referrer", "same-origin"].contains(&header("referrer-policy")), "{path}");
        assert_eq!(header("content-security-policy").starts_with("default-src 'none'"), is_json, "{path}");
    }
}
