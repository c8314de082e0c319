package echotest

import (
	"slices"
	"time"
)

// Detection is how package check detects a fault: the IDs of the rules that fail, and of
// those that may fail in addition, e.g. on a busy machine. All other rules pass. [Faults] and
// [ProxyFaults] set it.
type Detection struct {
	Fails   []string
	MayFail []string
}

// everyByte lists the rules that compare more than the first few thousand bytes.
var everyByte = []string{
	"stream/chunking", "stream/size-sweep", "stream/bulk", "stream/half-close", "stream/half-close-owed",
	"stream/slow-reader", "stream/zero-window", "stream/concurrency",
}

// withoutBulk is everyByte without stream/bulk, which sends the most.
var withoutBulk = slices.DeleteFunc(slices.Clone(everyByte), func(id string) bool { return id == "stream/bulk" })

// anyByte lists the rules that detect by chance what is wrong with some bytes or some
// connections.
var anyByte = []string{
	"stream/binary-exact", "stream/chunking", "stream/size-sweep", "stream/bulk",
	"stream/half-close", "stream/half-close-late", "stream/half-close-owed", "stream/server-fin",
	"stream/rst-to-server", "stream/rst-to-client", "stream/rst-after-data", "stream/slow-reader",
	"stream/zero-window", "stream/many-connections", "stream/concurrency", "stream/churn", "stream/aborts",
}

// Faults returns all faults of servers.
func Faults() []Fault {
	return []Fault{
		DropsLastBytes().fails("stream/half-close", "stream/half-close-owed"),
		ClosesOnFIN().fails("stream/half-close", "stream/half-close-owed"),
		ClosesSoonAfterFIN().fails("stream/half-close-owed").mayFail("stream/half-close"),
		ResetsOnFIN().fails(
			"stream/half-close", "stream/half-close-owed", "stream/fin-only", "stream/close-latency", "stream/many-connections",
		),
		IgnoresEmptyStream().fails("stream/fin-only"),
		// A busy machine sends the second message of a connection too late.
		ClosesAfterFirstAnswer().fails("stream/no-early-fin").mayFail(
			"stream/binary-exact", "stream/chunking", "stream/size-sweep", "stream/urgent", "stream/bulk", "stream/concurrency",
			"stream/many-connections",
		),
		ClosesLate().fails("stream/close-latency"),
		AnswersAfterFIN().fails(
			"stream/first-byte", "stream/binary-exact", "stream/chunking", "stream/size-sweep", "stream/bulk",
			"stream/no-early-fin", "stream/concurrency", "stream/many-connections",
		),
		WaitsForEightBytes().fails("stream/first-byte", "stream/size-sweep"),
		EchoesLines().fails(
			"stream/first-byte", "stream/binary-exact", "stream/chunking", "stream/size-sweep", "stream/concurrency",
		).mayFail("stream/bulk", "stream/no-early-fin", "stream/slow-reader", "stream/zero-window", "stream/many-connections"),
		DecodesText().fails(everyByte...).fails("stream/binary-exact", "stream/no-early-fin", "stream/many-connections").mayFail("stream/first-byte"),
		ClearsHighBit().fails(everyByte...).fails("stream/binary-exact", "stream/no-early-fin", "stream/many-connections").mayFail("stream/first-byte"),
		SendsCRLF().fails(everyByte...).fails("stream/binary-exact").mayFail("stream/first-byte", "stream/urgent", "stream/no-early-fin", "stream/many-connections"),
		SendsLF().fails("stream/binary-exact", "stream/bulk").mayFail(append(withoutBulk, "stream/many-connections")...),
		AnswersHTTP().fails("stream/binary-exact"),
		SendsBanner().fails(everyByte...).fails(
			"stream/first-byte", "stream/no-unsolicited", "stream/binary-exact",
			"stream/no-early-fin", "stream/many-connections",
		),
		SwapsBytes().fails(everyByte...),
		DropsByte().fails(everyByte...),
		AddsByte().fails(everyByte...),
		SendsZeros().fails(everyByte...),
		SendsBlockTwice().fails(everyByte...),
		DropsBlock().fails(everyByte...),
		SwapsBlocks().fails(everyByte...),
		SendsNextBlock().fails(everyByte...),
		FlipsBits().fails(everyByte...),
		ChangesLateByte().fails("stream/bulk"),
		DropsUrgentByte().fails("stream/urgent"),
		BuffersWithoutLimit().fails("stream/backpressure"),
		DisconnectsSlowReader().fails(
			"stream/slow-reader", "stream/zero-window",
		).mayFail("stream/half-close-owed"),
		ResetsStalledReader().fails("stream/zero-window").mayFail("stream/half-close-owed", "stream/slow-reader"),
		BlocksBehindStalledReader().fails("stream/concurrency"),
		ServesOneAtATime().fails("stream/concurrency"),
		OmitsCloseNotify().fails("tls/half-close"),
		AcceptsTruncation().fails("tls/truncation"),
		TruncatesDatagrams().fails("datagram/exact", "datagram/source"),
		TruncatesShortDatagrams().fails("datagram/exact", "datagram/source"),
		AnswersFromAnotherPort().fails(
			"datagram/exact", "datagram/source", "datagram/order-loss", "datagram/empty",
		),
		AnswersLowPorts().fails("datagram/loop-guard"),
		DropsBursts().fails("datagram/order-loss"),
		AnswersLowPortsFromAnotherPort().fails("datagram/loop-guard"),
		IgnoresEmptyDatagrams().fails("datagram/empty"),
		StopsAtEmptyDatagram().fails("datagram/empty"),
		MixesUpClients().fails("datagram/exact").mayFail("datagram/source", "datagram/order-loss", "datagram/empty"),
		AnswersOnce().fails("datagram/exact", "datagram/order-loss"),
		StopsAnswering().fails("datagram/exact", "datagram/order-loss"),
		LimitsDatagramRate(),
	}
}

// The timeouts of faults of proxies.
const (
	// less than the second for which rules keep connections half-closed
	halfClosed = 600 * time.Millisecond
	// more than the 3 s for which rules are silent, also on a busy machine
	idle = 6 * time.Second
)

// ProxyFaults returns all faults of proxies. Those with a timeout have a short one.
func ProxyFaults() []ProxyFault {
	return slices.Concat(streamProxyFaults(), terminatorFaults(), datagramProxyFaults())
}

func streamProxyFaults() []ProxyFault {
	return []ProxyFault{
		ClosesBothOnFIN().fails(
			"stream/half-close", "stream/half-close-late", "stream/half-close-owed",
			"stream/server-fin",
		),
		DropsFIN().fails(
			"stream/half-close", "stream/half-close-late", "stream/half-close-owed",
			"stream/fin-only", "stream/server-fin", "stream/churn", "stream/close-latency", "stream/many-connections",
		),
		TurnsFINIntoReset().fails(
			"stream/half-close", "stream/half-close-late", "stream/half-close-owed",
			"stream/fin-only", "stream/server-fin", "stream/close-latency", "stream/many-connections",
		),
		TurnsResetIntoFIN().fails("stream/rst-to-server", "stream/rst-to-client", "stream/rst-after-data"),
		LeaksCloseWait().fails("stream/server-fin", "stream/churn"),
		ClosesHalfClosed(halfClosed).fails(
			"stream/half-close-late", "stream/server-fin",
		).mayFail("stream/half-close", "stream/half-close-owed"),
		ForgetsHalfClosed(halfClosed).fails(
			"stream/half-close-late", "stream/server-fin",
		).mayFail("stream/half-close", "stream/half-close-owed"),
		ClosesIdle(idle).mayFail("stream/half-close-owed", "stream/slow-reader", "stream/zero-window"),
		ResetsIdle(idle).mayFail("stream/half-close-owed", "stream/slow-reader", "stream/zero-window"),
		ForgetsIdle(idle).fails("stream/idle").mayFail("stream/half-close-owed", "stream/slow-reader", "stream/zero-window"),
		AcceptsBeforeConnecting().fails("stream/refused"),
		StoresUntilFIN().fails(
			"stream/first-byte", "stream/binary-exact", "stream/chunking", "stream/size-sweep", "stream/bulk",
			"stream/no-early-fin", "stream/concurrency", "stream/many-connections",
		),
		DropsLargeChunks().fails(everyByte...).fails(
			"stream/half-close-late", "stream/server-fin", "stream/rst-after-data",
		),
		ChangesByte().fails(everyByte...).fails("stream/rst-after-data"),
		DropsUnreadBytes().fails("stream/half-close-owed").mayFail("stream/half-close"),
		ReadsAheadWithoutLimit().fails("stream/backpressure"),
		ReadsAheadSlowly().fails("stream/backpressure"),
		LeaksSlotsOnReset().fails("stream/aborts"),
		HoldsSmallMessages(),
		DropsUrgentData().fails("stream/urgent"),
		ChangesOddSizesWhenBusy().fails("stream/bulk").mayFail(anyByte...),
		ChangesRareByte().fails("stream/bulk"),
		HasBadServer().fails("stream/concurrency", "stream/many-connections").mayFail(anyByte...),
		DropsFINOnOneServer().fails("stream/many-connections").mayFail(
			"stream/half-close", "stream/half-close-late", "stream/half-close-owed",
			"stream/fin-only", "stream/server-fin", "stream/churn", "stream/close-latency",
		),
		LimitsConnections().fails("stream/concurrency").mayFail("stream/churn", "stream/aborts"),
		QueuesConnections().fails("stream/concurrency").mayFail("stream/churn", "stream/aborts"),
		SendsLateBanner().fails("stream/no-unsolicited"),
		AnswersOK().fails(
			"stream/first-byte", "stream/binary-exact", "stream/chunking", "stream/size-sweep",
			"stream/bulk", "stream/half-close", "stream/half-close-owed", "stream/no-early-fin",
			"stream/backpressure", "stream/slow-reader", "stream/zero-window", "stream/concurrency", "stream/many-connections",
		),
	}
}

func terminatorFaults() []ProxyFault {
	return []ProxyFault{
		HidesTruncation().fails(
			"stream/rst-to-server", "stream/rst-to-client", "stream/rst-after-data",
			"tls/truncation", "tls/truncation-to-server", "tls/truncation-to-client",
		),
		NeverSendsCloseNotify().fails("tls/half-close"),
		NeverSendsResetOrCloseNotify().fails(
			"stream/rst-to-server", "stream/rst-to-client", "stream/rst-after-data",
			"tls/half-close", "tls/truncation-to-server",
		),
	}
}

func datagramProxyFaults() []ProxyFault {
	return []ProxyFault{
		DropsLargeDatagrams().fails("datagram/exact"),
		DropsDatagrams(),
		DuplicatesDatagrams(),
		ReordersDatagrams(),
		ChangesSourcePort().fails(
			"datagram/exact", "datagram/source", "datagram/order-loss", "datagram/empty",
		),
		DropsShortFragments().fails("datagram/exact"),
		DropsLongPackets().fails("datagram/exact"),
		LosesLargeDatagrams().fails("datagram/exact"),
		DelaysLargeDatagrams().fails("datagram/exact"),
		ChangesMapping().fails("datagram/order-loss"),
		ChangesSmallDatagrams().fails(
			"datagram/exact", "datagram/source", "datagram/order-loss", "datagram/empty",
		),
		ChangesLargeSourcePort().fails("datagram/exact", "datagram/source"),
		LosesPackets(5, 1),
		ForgetsMapping(idle).fails("datagram/nat-idle"),
		AnswersOKToDatagrams().fails(
			"datagram/exact", "datagram/source", "datagram/order-loss", "datagram/empty",
		),
	}
}

func (f Fault) fails(rules ...string) Fault {
	f.Detection.Fails = slices.Concat(f.Detection.Fails, rules)
	return f
}

// mayFail adds rules that fail if the machine is busy: they then take long enough to
// trigger the timeout in the fault.
func (f Fault) mayFail(rules ...string) Fault {
	f.Detection.MayFail = rules
	return f
}

func (f ProxyFault) fails(rules ...string) ProxyFault {
	f.Detection.Fails = slices.Concat(f.Detection.Fails, rules)
	return f
}

func (f ProxyFault) mayFail(rules ...string) ProxyFault {
	// A rule that fails is in one list only.
	f.Detection.MayFail = slices.DeleteFunc(slices.Clone(rules), func(id string) bool { return slices.Contains(f.Detection.Fails, id) })
	return f
}
