//! Payments: Node, logged by pino.

use super::{Format, Service, Template as T};

pub(super) static SERVICE: Service =
    Service { name: "payments", release: "3.2.1", hosts: 2, format: Format::Pino, templates: TEMPLATES };

static TEMPLATES: &[T] = &[
    T::info(36.0, "payments.api", "payment {payment} of {amount} {currency} authorised in {ms} ms")
        .on("/payments"),
    T::info(30.0, "payments.capture", "payment {payment} captured for order {order}"),
    T::info(24.0, "payments.webhook", "webhook {uuid} received from the acquirer").on("/webhooks/acquirer"),
    T::info(4.0, "payments.refund", "refunded {amount} {currency} of payment {payment}")
        .on("/payments/{id}/refund"),
    T::warning(6.0, "payments.api", "card declined for payment {payment}: insufficient funds")
        .on("/payments"),
    T::warning(3.0, "payments.acquirer", "acquirer answered 429, next attempt in {slow} ms"),
    T::error(1.5, "payments.acquirer", "authorisation of payment {payment} failed").on("/payments").throws(
        "Error",
        "read ECONNRESET",
        "Error: read ECONNRESET
    at TLSWrap.onStreamRead (node:internal/stream_base_commons:216:20)
    at AcquirerClient.authorise (/app/src/acquirer.js:118:23)
    at processTicksAndRejections (node:internal/process/task_queues:105:5)
    at async PaymentService.authorise (/app/src/payments.js:64:18)
    at async /app/src/routes/payments.js:31:20",
    ),
    T::error(1.3, "payments.webhook", "webhook {uuid} could not be handled").on("/webhooks/acquirer").throws(
        "TypeError",
        "Cannot read properties of undefined (reading 'amount')",
        "TypeError: Cannot read properties of undefined (reading 'amount')
    at toMoney (/app/src/money.js:12:27)
    at handleCapture (/app/src/webhook.js:87:16)
    at Layer.handle [as handle_request] (/app/node_modules/express/lib/router/layer.js:95:5)
    at async /app/src/routes/webhook.js:22:5",
    ),
    T::error(0.8, "payments.refund", "refund of payment {payment} refused: already refunded")
        .on("/payments/{id}/refund"),
    T::error(0.6, "payments.webhook", "signature of webhook {uuid} from {ip} does not match")
        .on("/webhooks/acquirer"),
];
