// graphql-ws sends `variables` again whenever the socket comes back: a getter gives it the last cursor that was heard.
export const cursorOf = ({ data }) =>
  Object.values(data ?? {})
    .map((message) => message?.event?.cursor ?? message?.cursor)
    .find(Boolean);

/** `client.subscribe` of graphql-ws (or graphql-sse), going on behind the last cursor. */
export function resuming(client) {
  return {
    ...client,
    subscribe(payload, sink) {
      let after = payload.variables?.after;
      const asked = {
        ...payload,
        get variables() {
          return after === undefined ? payload.variables : { ...payload.variables, after };
        },
      };
      return client.subscribe(asked, {
        ...sink,
        next(result) {
          after = cursorOf(result) ?? after;
          sink.next(result);
        },
        error: (why) => sink.error(why),
        complete: () => sink.complete(),
      });
    },
  };
}
