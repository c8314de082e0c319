// Readfrom is the simplest UDP echo server with package net: one loop that reads a datagram
// and writes it back.
//
//	readfrom
package main

import (
	"fmt"
	"log"
	"net"
	"runtime"
)

func main() {
	runtime.GOMAXPROCS(1)
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("url=udp://%s\n", conn.LocalAddr())
	datagram := make([]byte, 65535)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(datagram)
		if err != nil {
			log.Fatal(err)
		}
		conn.WriteToUDPAddrPort(datagram[:n], from)
	}
}
