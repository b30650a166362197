// SPDX-License-Identifier: MIT

//! opentelemetry-rust behind a C ABI. peer.h is the header; pointers are the caller's, and are copied.
//! The set-up is StripePy's: batches, OTLP over HTTP, gzip, 5 s.

use std::ffi::{c_char, c_int, CStr};
use std::time::Duration;

use opentelemetry::trace::{Span as _, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{KeyValue, Value};
use opentelemetry_otlp::{Compression, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span};
use opentelemetry_sdk::Resource;

pub struct Client {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

unsafe fn text(s: *const c_char) -> String {
    CStr::from_ptr(s).to_string_lossy().into_owned()
}

unsafe fn set(span: *mut Span, key: *const c_char, value: Value) {
    (*span).set_attribute(KeyValue::new(text(key), value));
}

fn provider(service: String, endpoint: String) -> Option<SdkTracerProvider> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .with_compression(Compression::Gzip)
        .with_timeout(Duration::from_secs(5))
        .build()
        .ok()?;
    let resource = Resource::builder().with_service_name(service).build();
    Some(
        SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build(),
    )
}

/// NULL where there can be no exporter.
///
/// # Safety
/// Both are text that ends with a NUL.
#[no_mangle]
pub unsafe extern "C" fn peer_open(service: *const c_char, endpoint: *const c_char) -> *mut Client {
    match provider(text(service), text(endpoint)) {
        Some(provider) => {
            let tracer = provider.tracer("stripepy");
            Box::into_raw(Box::new(Client { provider, tracer }))
        }
        None => std::ptr::null_mut(),
    }
}

/// # Safety
/// The client is open, the name text that ends with a NUL.
#[no_mangle]
pub unsafe extern "C" fn peer_begin(client: *mut Client, name: *const c_char) -> *mut Span {
    Box::into_raw(Box::new((*client).tracer.start(text(name))))
}

/// # Safety
/// The span has been begun; the key and the value are text that ends with a NUL.
#[no_mangle]
pub unsafe extern "C" fn peer_set_string(
    span: *mut Span,
    key: *const c_char,
    value: *const c_char,
) {
    set(span, key, text(value).into());
}

/// # Safety
/// The span has been begun; the key is text that ends with a NUL.
#[no_mangle]
pub unsafe extern "C" fn peer_set_int(span: *mut Span, key: *const c_char, value: i64) {
    set(span, key, value.into());
}

/// # Safety
/// As peer_set_int.
#[no_mangle]
pub unsafe extern "C" fn peer_set_double(span: *mut Span, key: *const c_char, value: f64) {
    set(span, key, value.into());
}

/// # Safety
/// As peer_set_int.
#[no_mangle]
pub unsafe extern "C" fn peer_set_bool(span: *mut Span, key: *const c_char, value: c_int) {
    set(span, key, (value != 0).into());
}

/// # Safety
/// The span has been begun, and is not used again.
#[no_mangle]
pub unsafe extern "C" fn peer_end(span: *mut Span) {
    let mut span = Box::from_raw(span);
    span.set_status(Status::Ok);
    span.end();
}

/// # Safety
/// The client is open, and is not used again.
#[no_mangle]
pub unsafe extern "C" fn peer_close(client: *mut Client) {
    let client = Box::from_raw(client);
    let _ = client.provider.shutdown();
}
