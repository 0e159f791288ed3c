"""Shows gates outside the console: every channel's messages are made to show a gate's present state.

An event of a gate (asked, voted, claimed, decided, undone, withdrawn ...) is an outbox row ``notification`` for each
channel of the gate; the row says only *that* something happened. Delivering it means: read the gate as it is now, ask
the channel which messages should exist (``Channel.wanted``), and post or change what differs. So repeats change
nothing, ten events are one update, and an event that was lost is made good by the next.

**A further channel** is a class with the methods of ``channel.Channel`` and one row in ``table.CHANNELS``; everything
else (reading, coalescing, reserving, looking for a message of a process that died, back-off, the table ``notices``,
`visto doctor`) is done for it here. What to know:

- ``wanted(told)`` returns ``Message(address, part, content)``. ``address`` and ``part`` are the message's identity: one
  message exists for each, for ever. ``content`` is JSON in the channel's own form; its SHA-256 decides whether anything
  has to be done. ``told.places`` are the messages that exist: keep returning those that should be kept up to date, with
  ``posts=False`` where they should not be posted if they turn out not to exist.
- A channel whose messages cannot change (mail) gives every message that people should get a ``part`` of its own
  (``asked:2`` for revision 2, ``reminder:1``, ``outcome``) and has ``changes = False``: what was posted is left alone.
- ``post`` answers a reference of the message. It raises ``NotTold`` when the other side certainly did not take it (with
  ``again_in`` if it said when), and any other error when that is not known: then ``find`` is asked before it is tried
  again. A channel that cannot look gives ``None``, and its messages may arrive twice after a crash.
- ``change`` raises ``Gone`` when the message was removed; it is posted again if the message says ``posts``.
- Never wait long in ``wanted``, ``post``, ``change`` or ``find``: they are cut after ``show.TIME`` while they hold the
  message. ``ready`` is for waiting one's turn before a post, and holds nothing.
- The flow names a channel under ``approve.notify`` (``type`` is the channel's name). For an assignment every channel in
  ``arbiter.outgoing.CHANNELS`` is told, named or not: add yours there.
"""
