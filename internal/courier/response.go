// SPDX-License-Identifier: MIT

package courier

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"runspan/internal/spool"
)

// responses is an http.RoundTripper that keeps the parts of the last response that
// otlptracehttp does not return. Only one attempt may use it at a time.
type responses struct {
	next http.RoundTripper
	last response
}

// response is the collector's response to a request.
type response struct {
	status     int // 0: there was no response
	retryAfter string
}

// RoundTrip implements http.RoundTripper.
func (r *responses) RoundTrip(request *http.Request) (*http.Response, error) {
	got, err := r.next.RoundTrip(request)
	if err == nil {
		r.last = response{got.StatusCode, got.Header.Get("Retry-After")}
	}
	return got, err
}

// retryable reports whether OTLP/HTTP's specification ("Failures") allows another try.
func (r response) retryable() bool {
	switch r.status {
	case 0, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// pause returns the pause after this response; last is the pause before it.
func (r response) pause(last spool.Pause) spool.Pause {
	p := spool.Pause{Failures: last.Failures + 1, Start: time.Now(), Duration: longestPause}
	if p.Failures < 16 {
		p.Duration = min(firstPause<<last.Failures, longestPause)
	}
	// A Retry-After of 0, or of a date that has passed, does not shorten the pause.
	if length, ok := retryAfter(r.retryAfter); ok && length > 0 && r.status != 0 {
		p.ByCollector, p.Duration = true, length
	}
	return p
}

// retryAfter parses a Retry-After header: seconds or a date (RFC 9110, 10.2.3).
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
