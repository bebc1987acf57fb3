//! A connection to the database that a test can cut, like a failing network or server.

use std::sync::{Arc, Mutex};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinHandle, JoinSet},
};

pub struct Proxy {
    target: String,
    port: u16,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Proxy {
    /// Forward to `host:port`.
    pub async fn start(host: &str, port: u16) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let proxy = Arc::new(Self { target: format!("{host}:{port}"), port: own, running: Mutex::default() });
        proxy.serve(listener);
        proxy
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Close every connection and accept no new ones.
    pub async fn cut(&self) {
        let running = self.running.lock().unwrap().take().unwrap();
        running.abort();
        let _ = running.await;
    }

    /// Accept connections again.
    pub async fn restore(&self) {
        self.serve(TcpListener::bind(("127.0.0.1", self.port)).await.unwrap());
    }

    fn serve(&self, listener: TcpListener) {
        let target = self.target.clone();
        let serving = tokio::spawn(async move {
            // Dropped with this task, which closes every connection.
            let mut connections = JoinSet::<()>::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let target = target.clone();
                let _: AbortHandle = connections.spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(target).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        *self.running.lock().unwrap() = Some(serving);
    }
}
