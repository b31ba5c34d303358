//! The S3 server of the tests: Garage where `scripts/with-services` found one, else s3s-fs in this process.

use super::s3_server::Store;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::access::S3Access;
use s3s::auth::SimpleAuth;
use s3s::dto::GetBucketPolicyInput;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Request, S3Result, s3_error};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;

pub const ACCESS_KEY: &str = "test-access-key";
pub const SECRET_KEY: &str = "test-secret-key-which-no-log-may-show";

/// Endpoint, access key and secret key of the S3 server that all tests share.
pub async fn endpoint() -> (String, String, String) {
    static SHARED: OnceCell<(String, String, String)> = OnceCell::const_new();
    let shared = SHARED.get_or_init(|| async {
        if let Ok(endpoint) = std::env::var("TEST_S3_ENDPOINT") {
            let of =
                |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set, but TEST_S3_ENDPOINT is"));
            return (endpoint, of("TEST_S3_ACCESS_KEY"), of("TEST_S3_SECRET_KEY"));
        }
        (in_this_process(), ACCESS_KEY.to_owned(), SECRET_KEY.to_owned())
    });
    shared.await.clone()
}

/// A client of that server.
pub async fn client() -> aws_sdk_s3::Client {
    let (endpoint, access_key, secret_key) = endpoint().await;
    client_of(endpoint, access_key, secret_key)
}

/// A client of any S3 server.
pub fn client_of(endpoint: String, access_key: String, secret_key: String) -> aws_sdk_s3::Client {
    use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(access_key, secret_key, None, None, "test"))
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    aws_sdk_s3::Client::from_conf(config.build())
}

/// One who may do anything but read the policy of a bucket.
struct PolicyIsHidden;

#[async_trait::async_trait]
impl S3Access for PolicyIsHidden {
    async fn get_bucket_policy(&self, _: &mut S3Request<GetBucketPolicyInput>) -> S3Result<()> {
        Err(s3_error!(AccessDenied))
    }
}

/// Runs s3s-fs on a thread of its own, which outlives the test that asked first.
pub fn in_this_process() -> String {
    run(|_| {})
}

/// The same, where the policy of a bucket may not be read.
pub fn with_hidden_policies() -> String {
    run(|service| service.set_access(PolicyIsHidden))
}

fn run(set: impl FnOnce(&mut S3ServiceBuilder) + Send + 'static) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut service = S3ServiceBuilder::new(Store::new(folder.path().to_owned()));
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        set(&mut service);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async { serve(TcpListener::from_std(listener).expect("a listener"), service.build()).await });
    });
    endpoint
}

async fn serve(listener: TcpListener, service: S3Service) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let service = service.clone();
        tokio::spawn(async move {
            // A client that leaves is no concern of the server's.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
