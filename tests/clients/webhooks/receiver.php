<?php
// A receiver of Estorno's webhooks in PHP: it verifies each with the official library and tells what it took.
// composer require standard-webhooks/standard-webhooks; SECRETS="whsec_…" php -S 127.0.0.1:PORT receiver.php
declare(strict_types=1);

require __DIR__ . '/vendor/autoload.php';

$body = file_get_contents('php://input');
$headers = array_change_key_case(getallheaders(), CASE_LOWER);
foreach (explode(' ', (string) getenv('SECRETS')) as $secret) {
    try {
        $event = (new \StandardWebhooks\Webhook($secret))->verify($body, $headers);
    } catch (\Throwable) {
        continue; // signed with another secret, forged, or too old
    }
    // Store it in your database, unless its id is there, before you answer.
    file_put_contents('php://stdout', json_encode(
        ['id' => $headers['webhook-id'], 'type' => $event['type'], 'data' => $event['data']]
    ) . "\n");
    http_response_code(204);
    exit;
}
http_response_code(401);
