/* SPDX-License-Identifier: MIT
 *
 * What src/lib.rs has. The 20 attributes are set by one call each, as with
 * runspan.
 */
#ifndef PEER_H
#define PEER_H

#include <stdint.h>

typedef struct peer_client peer_client;
typedef struct peer_span peer_span;

peer_client *peer_open(const char *service, const char *endpoint); /* NULL where it fails */
peer_span *peer_begin(peer_client *client, const char *name);
void peer_set_string(peer_span *span, const char *key, const char *value);
void peer_set_int(peer_span *span, const char *key, int64_t value);
void peer_set_double(peer_span *span, const char *key, double value);
void peer_set_bool(peer_span *span, const char *key, int value);
void peer_end(peer_span *span); /* with the status OK */
void peer_close(peer_client *client);

#endif
