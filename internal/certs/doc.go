// Package certs is about certificates, by crypto/x509 alone: a server's, which may
// change while it serves ([Store]), and the throw-away ones of echod cert ([NewCA]).
package certs
