// Package accept decides when a listener accepts and when it pauses, how many
// connections may be open, and how the queue of a listener is taken in when the
// service ends. Everything that listens in this program uses it.
//
//   - [Policy] is the decision for one listening socket. It makes no system call
//     and reads no clock.
//   - [Places] is the limit on open connections, shared by all listeners, and the
//     limit for each address.
//   - [Listener] is a net.Listener that follows a Policy. An event loop follows
//     one by itself.
package accept
