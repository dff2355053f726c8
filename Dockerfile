# syntax=docker/dockerfile:1
# One image for each process, with its own dependencies and nothing of the others:
#   docker buildx build --target ingress-api .      (or rotator, publisher, operator, toolbox)
# The same commit gives the same files: pins have hashes, compiled code no times, pictures are named by their content.
ARG PYTHON=docker.io/library/python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${PYTHON} AS python
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONDONTWRITEBYTECODE=1
# Where packages are put together. The same folder in every image, as a virtual environment knows its own path.
WORKDIR /opt/rotavatar
RUN python -m venv --without-pip /opt/rotavatar

FROM python AS pictures
COPY requirements/drawing.txt /tmp/requirements.txt
RUN pip --python /opt/rotavatar/bin/python install --no-compile --require-hashes --requirement /tmp/requirements.txt
COPY services/rotavatar app/rotavatar
COPY services/rotavatar_catalogue app/rotavatar_catalogue
RUN PYTHONPATH=app bin/python -m rotavatar_catalogue draw --to /catalogue

FROM python AS ingress-api-packages
COPY requirements/ingress.txt /tmp/requirements.txt
RUN pip --python /opt/rotavatar/bin/python install --no-compile --require-hashes --requirement /tmp/requirements.txt
COPY services/rotavatar app/rotavatar
COPY services/ingress_api app/ingress_api
RUN bin/python -m compileall -q --invalidation-mode unchecked-hash .

FROM python AS rotator-packages
COPY requirements/rotator.txt /tmp/requirements.txt
RUN pip --python /opt/rotavatar/bin/python install --no-compile --require-hashes --requirement /tmp/requirements.txt
COPY services/rotavatar app/rotavatar
COPY services/rotator app/rotator
RUN bin/python -m compileall -q --invalidation-mode unchecked-hash .

FROM python AS publisher-packages
COPY requirements/publisher.txt /tmp/requirements.txt
RUN pip --python /opt/rotavatar/bin/python install --no-compile --require-hashes --requirement /tmp/requirements.txt
COPY services/rotavatar app/rotavatar
COPY services/publisher app/publisher
RUN bin/python -m compileall -q --invalidation-mode unchecked-hash .

FROM python AS operator-packages
COPY requirements/operator.txt /tmp/requirements.txt
RUN pip --python /opt/rotavatar/bin/python install --no-compile --require-hashes --requirement /tmp/requirements.txt
COPY services/rotavatar app/rotavatar
COPY operator/slacktenant_operator app/slacktenant_operator
RUN bin/python -m compileall -q --invalidation-mode unchecked-hash .

FROM python AS toolbox-packages
COPY requirements/toolbox.txt /tmp/requirements.txt
RUN pip --python /opt/rotavatar/bin/python install --no-compile --require-hashes --requirement /tmp/requirements.txt
COPY services/rotavatar app/rotavatar
COPY services/rotavatar_cli app/rotavatar_cli
COPY services/rotavatar_catalogue app/rotavatar_catalogue
RUN bin/python -m compileall -q --invalidation-mode unchecked-hash . \
    && printf '#!/bin/sh\nexec python -m rotavatar_cli "$@"\n' > bin/rotavatar \
    && chmod 0755 bin/rotavatar

FROM ${PYTHON} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=https://github.com/rotavatar/rotavatar
LABEL org.opencontainers.image.title="Rotavatar" \
      org.opencontainers.image.description="Changes people's Slack profile photos on the schedule that each of them chose" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/rotavatar/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/rotavatar/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY LICENSE NOTICE /usr/share/doc/rotavatar/
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
WORKDIR /tmp
STOPSIGNAL SIGTERM
EXPOSE 9090

FROM runtime AS ingress-api
COPY --from=ingress-api-packages /opt/rotavatar /opt/rotavatar
COPY --from=pictures /catalogue /usr/share/rotavatar/catalogue
EXPOSE 8080
ENTRYPOINT ["python", "-m", "ingress_api"]

FROM runtime AS rotator
COPY --from=rotator-packages /opt/rotavatar /opt/rotavatar
COPY --from=pictures /catalogue /usr/share/rotavatar/catalogue
ENTRYPOINT ["python", "-m", "rotator"]

FROM runtime AS publisher
COPY --from=publisher-packages /opt/rotavatar /opt/rotavatar
COPY --from=pictures /catalogue /usr/share/rotavatar/catalogue
ENTRYPOINT ["python", "-m", "publisher"]

FROM runtime AS operator
COPY --from=operator-packages /opt/rotavatar /opt/rotavatar
ENTRYPOINT ["python", "-m", "slacktenant_operator"]

FROM runtime AS toolbox
COPY --from=toolbox-packages /opt/rotavatar /opt/rotavatar
COPY --from=pictures /catalogue /usr/share/rotavatar/catalogue
ENTRYPOINT ["rotavatar"]
