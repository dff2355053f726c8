"""What Rotavatar costs, measured beside other libraries in one run: `make bench`, or `make bench ROW=ack`."""
