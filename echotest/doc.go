// Package echotest starts echo servers inside a test, as net/http/httptest does
// for HTTP: an honest one ([NewServer]), and servers broken on purpose, each in
// one named way ([NewBroken], [Faults]), with which a client, a proxy or a test
// suite can show that it notices.
package echotest
