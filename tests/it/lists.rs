//! Long lists.

use sqlx::{AssertSqlSafe, Connection};

use crate::owners::{both, texts};
use crate::support::Deployment;
use crate::support::deployment::mysql;

/// Files of every appointment, made by the database itself.
async fn seed(deployment: &Deployment, files: usize) {
    let digits = "WITH d AS (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 \
                  UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9), \
                  numbers AS (SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n AS n FROM d AS a, d AS b, d AS c, d)";
    let insert =
        "INSERT INTO files (id, upload_id, path, content_type, size, status, appointment_id, created_at, updated_at)";
    let rows = |id: &str, path: &str, time: &str| {
        format!(
            "SELECT {id}, {id}, {path}, 'text/plain', 1, 'SUCCESS', a.id, {time}, {time} FROM appointments a, numbers WHERE n < {files}"
        )
    };
    if deployment.mysql_database().is_some() {
        let id = "UNHEX(REPLACE(UUID(), '-', ''))";
        let time = "DATE_ADD('2026-01-01', INTERVAL n MICROSECOND)";
        let rows = rows(id, "CONCAT('private/', UUID(), '.txt')", time);
        let mut database = mysql(deployment.mysql_database()).await;
        sqlx::query(AssertSqlSafe(format!("{insert} {digits} {rows}"))).execute(&mut database).await.unwrap();
    } else {
        let time = "printf('2026-01-01T00:00:00.%06d+00:00', n)";
        let rows = rows("randomblob(16)", "'private/' || hex(randomblob(16)) || '.txt'", time);
        let path = deployment.folder.path().join("data/filemanager.db");
        let mut database = sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("{digits} {insert} {rows}"))).execute(&mut database).await.unwrap();
    }
}

#[tokio::test]
async fn a_page_of_appointments_with_very_many_files_ends_before_it_is_too_large() {
    // Many files in few appointments, and some in many.
    for (appointments, files, most) in [(11, 1002, 10), (120, 100, 100)] {
        for deployment in both().await {
            let services = deployment.start().await;
            let client = services[0].client();
            let user = client.user("Zoë").await;
            for number in 0..appointments {
                client.appointment(&number.to_string(), &user).await;
            }
            seed(&deployment, files).await;
            let list = format!("/appointments?user_id={user}");
            let first = client.get(&list).await.body;
            let next = first["next_cursor"].as_str().unwrap();
            let rest = client.get(&format!("{list}&cursor={next}")).await.body;
            assert!(rest.get("next_cursor").is_none(), "{}", rest["next_cursor"]);
            let all = [first["data"].as_array().unwrap().clone(), rest["data"].as_array().unwrap().clone()].concat();
            let names: Vec<String> = (0..appointments).rev().map(|number| number.to_string()).collect();
            assert_eq!(texts(&all, "name"), names);
            assert!(all.iter().all(|one| one["files"].as_array().unwrap().len() == files.min(1000)));
            assert_eq!(first["data"].as_array().unwrap().len(), most);
            let few = client.get(&format!("{list}&limit=7")).await.body;
            assert_eq!(texts(few["data"].as_array().unwrap(), "name"), names[..7]);
        }
    }
}
