//! A queue on a `RabbitMQ` server: a quorum queue with a dead-letter exchange.

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, BasicRejectOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::{Delivery, JobQueue, Notice, QueueError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server is not asked again that was silent: those who have waited for that all at once would wait one after the
/// other.
const SILENCE: Duration = Duration::from_secs(5);
const HEARTBEAT_SECONDS: u16 = 10;
const PERSISTENT: u8 = 2;

/// How to reach the server.
#[derive(Debug, Clone)]
pub struct RabbitMqOptions {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User.
    pub user: String,
    /// Password.
    pub password: SecretString,
    /// The queue. `<queue>.dead` is its dead-letter exchange, `<queue>.dead-letters` the queue behind that.
    pub queue: String,
    /// The name that the server's console shows for the connections.
    pub name: &'static str,
}

/// A connection and a channel of it. Both end together.
struct Link {
    connection: Connection,
    channel: Channel,
}

impl Link {
    fn is_up(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Whether the server takes nothing that is published, because it is short of memory or of disk. It says so once
    /// something was, and until it takes it the connection cannot even be closed.
    fn is_blocked(&self) -> bool {
        self.is_up() && self.connection.status().blocked()
    }
}

/// A queue on a `RabbitMQ` server.
pub struct RabbitMqQueue {
    options: RabbitMqOptions,
    publisher: Mutex<Publisher>,
}

/// Who announces.
#[derive(Default)]
struct Publisher {
    /// Made when first used and again when it broke.
    link: Option<Link>,
    /// When the server was silent last.
    silent_at: Option<Instant>,
}

impl RabbitMqQueue {
    /// A queue on this server. Connects when first used.
    #[must_use]
    pub fn new(options: RabbitMqOptions) -> Self {
        Self { options, publisher: Mutex::default() }
    }

    async fn connect(&self) -> Result<Link, QueueError> {
        let link = async {
            let properties = ConnectionProperties::default().with_connection_name(self.options.name.into());
            let connection = Connection::connect_uri(self.uri(), properties).await?;
            let channel = connection.create_channel().await?;
            declare(&channel, &self.options.queue).await?;
            Ok::<_, lapin::Error>(Link { connection, channel })
        };
        match timeout(CONNECT_TIMEOUT, link).await {
            Ok(link) => Ok(link?),
            Err(_) => Err(QueueError("no answer to the attempt to connect".into())),
        }
    }

    fn uri(&self) -> AMQPUri {
        AMQPUri {
            scheme: AMQPScheme::AMQP,
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo {
                    username: self.options.user.clone(),
                    password: self.options.password.expose_secret().to_owned(),
                },
                host: self.options.host.clone(),
                port: self.options.port,
            },
            vhost: "/".to_owned(),
            query: AMQPQueryString { heartbeat: Some(HEARTBEAT_SECONDS), ..AMQPQueryString::default() },
        }
    }

    /// A channel for announcing on a link that is up.
    async fn publisher(&self) -> Result<Channel, QueueError> {
        let Publisher { link, silent_at } = &mut *self.publisher.lock().await;
        match &*link {
            Some(link) if link.is_blocked() => {
                Err(QueueError("it takes no messages, for want of memory or disk".into()))
            }
            Some(link) if link.is_up() => Ok(link.channel.clone()),
            _ if silent_at.is_some_and(|at| at.elapsed() < SILENCE) => {
                Err(QueueError("it has not answered a moment ago".into()))
            }
            _ => {
                let begun = Instant::now();
                match self.connect_to_publish().await {
                    Ok(new) => Ok(link.insert(new).channel.clone()),
                    Err(error) => {
                        *silent_at = (begun.elapsed() >= CONNECT_TIMEOUT).then(Instant::now);
                        Err(error)
                    }
                }
            }
        }
    }

    async fn connect_to_publish(&self) -> Result<Link, QueueError> {
        let link = self.connect().await?;
        let confirming = link.channel.confirm_select(ConfirmSelectOptions::default());
        let confirming = timeout(CONFIRM_TIMEOUT, confirming).await;
        confirming.map_err(|_| QueueError("the channel does not answer".into()))??;
        Ok(link)
    }

    /// Forgets the link, so that the next use makes a new one and declares everything again.
    async fn drop_publisher(&self) {
        let link = &mut self.publisher.lock().await.link;
        if !link.as_ref().is_some_and(Link::is_blocked) {
            *link = None;
        }
    }
}

/// Declares the queues. A quorum queue, because RabbitMQ 4 keeps no other kind on more than one node.
async fn declare(channel: &Channel, queue: &str) -> Result<(), lapin::Error> {
    let (dead_letter_exchange, dead_letters) = (format!("{queue}.dead"), format!("{queue}.dead-letters"));
    let text = |value: &str| AMQPValue::LongString(LongString::from(value));
    let mut quorum = FieldTable::default();
    quorum.insert(ShortString::from("x-queue-type"), text("quorum"));
    let mut jobs = quorum.clone();
    jobs.insert(ShortString::from("x-dead-letter-exchange"), text(&dead_letter_exchange));
    let exchange = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let none = FieldTable::default();
    channel
        .exchange_declare(dead_letter_exchange.as_str().into(), ExchangeKind::Fanout, exchange, none.clone())
        .await?;
    channel.queue_declare(dead_letters.as_str().into(), QueueDeclareOptions::durable(), quorum).await?;
    let bind = QueueBindOptions::default();
    channel.queue_bind(dead_letters.into(), dead_letter_exchange.into(), "".into(), bind, none).await?;
    channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), jobs).await?;
    Ok(())
}

#[async_trait]
impl JobQueue for RabbitMqQueue {
    fn kind(&self) -> &'static str {
        "RabbitMQ"
    }

    fn is_durable(&self) -> bool {
        true
    }

    async fn announce(&self, notice: &Notice) -> Result<(), QueueError> {
        let payload = serde_json::to_vec(notice).map_err(|error| QueueError(error.to_string()))?;
        let channel = self.publisher().await?;
        let publish = async {
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let properties = BasicProperties::default()
                .with_delivery_mode(PERSISTENT)
                .with_content_type("application/json".into())
                .with_message_id(notice.job_id.to_string().into());
            channel
                .basic_publish("".into(), self.options.queue.as_str().into(), options, &payload, properties)
                .await?
                .await
        };
        let confirmed = match timeout(CONFIRM_TIMEOUT, publish).await {
            // Anything else, a returned message too, means that no queue has it.
            Ok(Ok(Confirmation::Ack(None))) => return Ok(()),
            Ok(Ok(_)) => QueueError("no queue took the message".into()),
            Ok(Err(error)) => error.into(),
            Err(_) => QueueError("no confirmation in time".into()),
        };
        self.drop_publisher().await;
        Err(confirmed)
    }

    async fn waiting(&self) -> Result<u64, QueueError> {
        let channel = self.publisher().await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare(self.options.queue.as_str().into(), options, FieldTable::default());
        let failed = match timeout(CONFIRM_TIMEOUT, declared).await {
            Ok(Ok(queue)) => return Ok(queue.message_count().into()),
            Ok(Err(error)) => error.into(),
            Err(_) => QueueError("the queue does not answer".into()),
        };
        self.drop_publisher().await;
        Err(failed)
    }

    async fn notices(&self, at_once: u16) -> Result<BoxStream<'static, Box<dyn Delivery>>, QueueError> {
        let link = self.connect().await?;
        let consume = async {
            link.channel.basic_qos(at_once, BasicQosOptions::default()).await?;
            let options = BasicConsumeOptions::default();
            let queue = self.options.queue.as_str().into();
            link.channel.basic_consume(queue, "".into(), options, FieldTable::default()).await
        };
        // A quorum queue that has lost its leader does not answer, though the server does.
        let consumer = timeout(CONFIRM_TIMEOUT, consume).await;
        let consumer = consumer.map_err(|_| QueueError("the queue does not answer".into()))??;
        let deliveries = consumer.take_while(|delivery| std::future::ready(delivery.is_ok())).filter_map(read);
        // The link lives as long as the stream does.
        Ok(deliveries.chain(futures::stream::pending().take_until(async move { drop(link) })).boxed())
    }

    async fn probe(&self) -> Result<(), QueueError> {
        // One that takes no messages is there all the same: workers take the jobs from the database meanwhile.
        let blocked = self.publisher.lock().await.link.as_ref().is_some_and(Link::is_blocked);
        if blocked { Ok(()) } else { self.publisher().await.map(drop) }
    }
}

async fn read(delivery: Result<lapin::message::Delivery, lapin::Error>) -> Option<Box<dyn Delivery>> {
    let delivery = delivery.ok()?;
    match serde_json::from_slice(&delivery.data) {
        Ok(notice) => Some(Box::new(Received { notice, delivery })),
        Err(error) => {
            tracing::warn!(%error, "a message is no notice of a job; it goes to the dead letters");
            reject(&delivery).await;
            None
        }
    }
}

struct Received {
    notice: Notice,
    delivery: lapin::message::Delivery,
}

#[async_trait]
impl Delivery for Received {
    fn notice(&self) -> &Notice {
        &self.notice
    }

    async fn accept(self: Box<Self>) {
        if let Err(error) = self.delivery.ack(BasicAckOptions::default()).await {
            tracing::debug!(%error, "a notice could not be accepted and will come again");
        }
    }

    async fn bury(self: Box<Self>) {
        reject(&self.delivery).await;
    }
}

async fn reject(delivery: &lapin::message::Delivery) {
    if let Err(error) = delivery.reject(BasicRejectOptions { requeue: false }).await {
        tracing::debug!(%error, "a notice could not be rejected and will come again");
    }
}

impl From<lapin::Error> for QueueError {
    fn from(error: lapin::Error) -> Self {
        Self(error.to_string())
    }
}
