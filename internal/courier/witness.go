// SPDX-License-Identifier: MIT

package courier

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"runspan/internal/spool"
)

// witness sees the answers that otlptracehttp keeps to itself. It is for one
// attempt at a time.
type witness struct {
	next       http.RoundTripper
	status     int // 0: there was no answer
	retryAfter string
}

// RoundTrip implements http.RoundTripper.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := w.next.RoundTrip(r)
	if err == nil {
		w.status, w.retryAfter = response.StatusCode, response.Header.Get("Retry-After")
	}
	return response, err
}

// retryable is the OTLP/HTTP specification's list, "Failures".
func (w *witness) retryable() bool {
	switch w.status {
	case 0, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// pause returns the pause that follows the last one.
func (w *witness) pause(last spool.Pause) spool.Pause {
	p := spool.Pause{Failures: last.Failures + 1, Since: time.Now(), Length: longestPause}
	if p.Failures < 16 {
		p.Length = min(firstPause<<last.Failures, longestPause)
	}
	// "Now", or a date that has passed, is no leave to hammer.
	if length, ok := retryAfter(w.retryAfter); ok && length > 0 && w.status != 0 {
		p.Asked, p.Length = true, length
	}
	return p
}

// retryAfter reads a Retry-After header: seconds or a date (RFC 9110, 10.2.3).
func retryAfter(header string) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(header, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(spool.LongestPause/time.Second))) * time.Second, true
	} else if errors.Is(err, strconv.ErrRange) {
		return spool.LongestPause, true
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(time.Until(date), 0), spool.LongestPause), true
	}
	return 0, false
}
