use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kubefed_testbed::{ControlPlane as _, EmbeddedControlPlane};
use std::time::Instant;
#[tokio::main]
async fn main() {
    let t = Instant::now();
    let plane = EmbeddedControlPlane::in_process("x").unwrap();
    println!("first start {:?}", t.elapsed());
    let t = Instant::now();
    let planes: Vec<_> =
        (0..100).map(|i| EmbeddedControlPlane::in_process(&format!("p{i}")).unwrap()).collect();
    println!("100 starts {:?}", t.elapsed());
    let api: Api<ConfigMap> = Api::namespaced(plane.client(), "default");
    let mk = |i: usize| {
        let mut c = ConfigMap::default();
        c.metadata.name = Some(format!("a{i}"));
        c.data = Some([("k".to_owned(), "x".repeat(1000))].into());
        c
    };
    let n = 40000;
    let t = Instant::now();
    futures::stream::iter(0..n)
        .map(|i| {
            let api = api.clone();
            let c = mk(i);
            tokio::spawn(async move {
                api.create(&PostParams::default(), &c).await.unwrap();
            })
        })
        .buffer_unordered(32)
        .for_each(|_| async {})
        .await;
    let e = t.elapsed();
    println!("create {n} in {e:?} = {:.0}/s", n as f64 / e.as_secs_f64());
    let t = Instant::now();
    futures::stream::iter(0..n).map(|i| { let api = api.clone(); tokio::spawn(async move { let p = serde_json::json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":format!("a{i}")},"data":{"k":"y"}}); api.patch_metadata(&format!("a{i}"), &PatchParams::apply("me").force(), &Patch::Apply(&p)).await.unwrap(); }) }).buffer_unordered(32).for_each(|_| async {}).await;
    let e = t.elapsed();
    println!("apply {n} in {e:?} = {:.0}/s", n as f64 / e.as_secs_f64());
    let t = Instant::now();
    let l = api.list(&Default::default()).await.unwrap();
    println!("list {} in {:?}", l.items.len(), t.elapsed());
    let rss = |s: &str| {
        let m = std::fs::read_to_string("/proc/self/status").unwrap();
        println!("{s} {}", m.lines().find(|l| l.starts_with("VmRSS")).unwrap());
    };
    drop(l);
    rss("before 100x2000");
    let t = Instant::now();
    let mut js = vec![];
    for p in &planes {
        let api: Api<ConfigMap> = Api::namespaced(p.client(), "default");
        let cs: Vec<_> = (0..2000).map(mk).collect();
        js.push(tokio::spawn(async move {
            for c in cs {
                api.create(&PostParams::default(), &c).await.unwrap();
            }
        }));
    }
    for j in js {
        j.await.unwrap();
    }
    println!("200000 more in {:?}", t.elapsed());
    rss("after");
}
