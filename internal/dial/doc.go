// Package dial makes connections to the services that echod asks: it reads their
// URLs, dials them, puts TLS on top, and says in one word why one failed.
package dial
