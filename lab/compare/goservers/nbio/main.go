// Nbio is an echo server on github.com/lesismal/nbio, with one poller.
//
//	nbio tcp
//	nbio udp
package main

import (
	"fmt"
	"log"
	"os"
	"runtime"

	"github.com/lesismal/nbio"
)

func main() {
	runtime.GOMAXPROCS(1)
	if len(os.Args) != 2 {
		log.Fatal("usage: nbio tcp|udp")
	}
	engine := nbio.NewEngine(nbio.Config{
		Network: os.Args[1],
		Addrs:   []string{"127.0.0.1:0"},
		NPoller: 1,
	})
	engine.OnData(func(conn *nbio.Conn, data []byte) { conn.Write(data) })
	if err := engine.Start(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("url=%s://%s\n", os.Args[1], engine.Addrs[0])
	select {}
}
