package report

import "testing"

func TestNumbersAreReadable(t *testing.T) {
	tests := []struct {
		write func(float64) string
		v     float64
		want  string
	}{
		{seconds, 0, "0 ns"},
		{seconds, 1e-9, "1.00 ns"},
		{seconds, 24.1234e-6, "24.1 µs"},
		{seconds, 999.4e-6, "999 µs"},
		{seconds, 999.7e-6, "1.00 ms"},
		{seconds, 9.996e-3, "10.0 ms"},
		{seconds, 3600, "3600 s"},
		{roundSeconds, 50e-6, "50 µs"},
		{roundSeconds, 100e-6, "100 µs"},
		{roundSeconds, 2.5e-3, "2.5 ms"},
		{roundSeconds, 1, "1 s"},
		{size, 64, "64.0 B"},
		{size, 1024, "1.00 KiB"},
		{sizeRate, 12.34 * (1 << 20), "12.3 MiB/s"},
		{rate, 0, "0/s"},
		{rate, 12.345, "12.3/s"},
		{rate, 99.96, "100/s"},
		{rate, 201234.4, "201,234/s"},
		{rate, 1234567, "1,234,567/s"},
		{whole, -1234, "-1,234"},
		{percent, 0.914, "91.4 %"},
		{percent, 0.0001, "0.0100 %"},
		{percent, 0.99999, "100 %"},
		{ratio, 1, "×1.00"},
		{ratio, 0.8661, "×0.87"},
		{ratio, 12.712, "×12.7"},
		{ratio, 0.00123, "×0.00123"},
		{partText, 0, "0 %"},
		{partText, 0.5, "50 %"},
		{partText, 0.9, "90 %"},
		{partText, 0.99, "99 %"},
		{partText, 0.775, "77.5 %"},
		{partText, 0.9990234375, "99.902 %"},
		{partText, 0.99999, "99.999 %"},
		{clock, 0, "0s"},
		{clock, 90, "1m30s"},
		{clock, 120, "2m"},
		{clock, 3600, "1h"},
		{clock, 0.5, "500ms"},
	}
	for _, test := range tests {
		if got := test.write(test.v); got != test.want {
			t.Errorf("%v: got %s, want %s", test.v, got, test.want)
		}
	}
}
