package load

import (
	"reflect"
	"testing"
	"time"

	"echod/internal/hist"
)

// TestSecondOfAllPartsIsTheirSum fills every field, so that it fails for one that Add forgets.
func TestSecondOfAllPartsIsTheirSum(t *testing.T) {
	var part Interval
	fields := reflect.ValueOf(&part).Elem()
	for i := range fields.NumField() {
		switch f := fields.Field(i); f.Kind() {
		case reflect.Float64:
			f.SetFloat(1)
		case reflect.Int, reflect.Int64:
			f.SetInt(1)
		default:
			h := hist.New()
			h.Record(time.Millisecond)
			f.Set(reflect.ValueOf(h))
		}
	}
	var sum Interval
	sum.Add(part)
	sum.Add(part)
	if part.Latency.Count() != 1 || part.SchedulingDelay.Count() != 1 {
		t.Error("Add changes the second that it adds")
	}
	got := reflect.ValueOf(sum)
	for i := range got.NumField() {
		name := got.Type().Field(i).Name
		switch f := got.Field(i); f.Kind() {
		case reflect.Float64: // At and Seconds: the parts are of the same time
			if f.Float() != 1 {
				t.Errorf("%s: got %v, want 1", name, f.Float())
			}
		case reflect.Int, reflect.Int64:
			if f.Int() != 2 {
				t.Errorf("%s: got %d, want 2", name, f.Int())
			}
		default:
			if n := f.Interface().(*hist.Hist).Count(); n != 2 {
				t.Errorf("%s: got %d samples, want 2", name, n)
			}
		}
	}
}
