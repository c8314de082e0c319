// Netpoll is an echo server on github.com/cloudwego/netpoll, with one poller.
// It does not support datagrams.
//
//	netpoll
package main

import (
	"context"
	"fmt"
	"log"
	"runtime"

	"github.com/cloudwego/netpoll"
)

func main() {
	runtime.GOMAXPROCS(1)
	if err := netpoll.Configure(netpoll.Config{PollerNum: 1}); err != nil {
		log.Fatal(err)
	}
	listener, err := netpoll.CreateListener("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	loop, err := netpoll.NewEventLoop(echo)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("url=tcp://%s\n", listener.Addr())
	log.Fatal(loop.Serve(listener))
}

func echo(_ context.Context, conn netpoll.Connection) error {
	reader, writer := conn.Reader(), conn.Writer()
	data, err := reader.Next(reader.Len())
	if err != nil {
		return err
	}
	if _, err := writer.WriteBinary(data); err != nil {
		return err
	}
	if err := writer.Flush(); err != nil {
		return err
	}
	return reader.Release()
}
