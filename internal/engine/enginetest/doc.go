// Package enginetest proves that an engine keeps the contract of package engine,
// over real sockets. An engine's own tests are then three lines:
//
//	func TestMain(m *testing.M) { enginetest.Main(m, gonet.New()) }
//
//	func TestEngine(t *testing.T) { enginetest.Run(t, gonet.New()) }
//
// A case is a claim. It is named after the fault that it causes, where it causes
// one, and says, when it fails, which promise was broken:
//
//	S1 prefix      what a client receives is a prefix of what it sent
//	S2 honest end  a clean end of file means that it has received all of it;
//	               every other end is a reset
//	S3 bound       user memory for a stream is at most Config.Buffer, for all
//	               of them at most Limits.MaxMemory
//	S4 isolation   peers that stall do not hold up a healthy one
//	S5 progress    the peer reads and the network works: owed bytes move
//	S6 accounting  in = out + discarded; one cause of close for each stream
//	S7 patience    the service goes on until the caller ends it
//	P1 service     nothing that the environment can do ends a listener
//	P2 shortage    out of descriptors: no busy loop, and recovery after relief
//	P3 baseline    descriptors, goroutines and memory return to where they were
//	P5 drain       Shutdown serves what is queued, lets streams finish, and
//	               resets and counts the rest when its time is up
//	P6 robustness  no input makes it panic or exit
//	P7 reasons     every refusal, drop and reset is counted with its reason
//
// Cases wait for events and are patient: none of them says how fast an engine
// is. Those that measure the whole process run alone, before the others.
package enginetest
