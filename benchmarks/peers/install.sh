#!/usr/bin/env bash
# One virtual environment for each peer package, so that none depends on another and the project on none.
#
#   benchmarks/peers/install.sh FOLDER [PACKAGE ...]
#
# Made with PYTHON (default python3); about 4 GB with all of them. Where torch must come from another index, for example
# for processors only, set PIP_EXTRA_INDEX_URL. BoxMOT's C++ back ends compile themselves at their first use; they need
# CMake, a compiler, and the headers of OpenCV and Eigen (Debian: cmake g++ libopencv-dev libeigen3-dev).
set -eu
folder=${1:?usage: install.sh FOLDER [PACKAGE ...]}
shift
failed=""

install() { # PACKAGE REQUIREMENT ...
  "$folder/$1/bin/python" -m pip install --quiet --prefer-binary "${@:2}"
}

requirements() { # PACKAGE
  case $1 in
  deep-sort-realtime) install "$1" deep-sort-realtime==1.3.2 numpy==2.4.6 scipy==1.17.1 setuptools==80.9.0 ;;
  norfair) install "$1" norfair==2.3.0 numpy==1.26.4 scipy==1.17.1 ;;
  trackers) install "$1" trackers==2.6.1 supervision==0.31.2 numpy==2.4.6 scipy==1.17.1 ;; # of roboflow
  pyxtrackers) install "$1" pyxtrackers==2026.3.3 numpy==2.4.6 ;;
  # The next two without the parts that their trackers do not use, such as the desktop build of OpenCV. Of
  # torchvision ultralytics only asks the version.
  ultralytics)
    install "$1" torch==2.13.0 &&
      install "$1" --no-deps ultralytics==8.4.190 torchvision==0.28.0 &&
      install "$1" numpy==2.4.6 scipy==1.17.1 lap==0.5.13 opencv-python-headless==5.0.0.93 pyyaml requests psutil \
        pillow matplotlib polars ultralytics-thop==2.2.3
    ;;
  boxmot)
    install "$1" torch==2.13.0 &&
      install "$1" --no-deps boxmot==25.0.0 timm==1.0.31 &&
      install "$1" numpy==2.4.6 scipy==1.17.1 filterpy==1.4.5 lapx==0.11.1 "opencv-python-headless<5" "pandas<3" \
        "pyarrow<24" "gdown<6" "platformdirs<5" "typing-extensions<5" "tqdm<5" click rich scikit-learn pyyaml \
        huggingface-hub pydantic psutil
    ;;
  *)
    echo "no such package: $1" >&2
    return 1
    ;;
  esac
}

[ $# -gt 0 ] || set -- deep-sort-realtime norfair trackers pyxtrackers ultralytics boxmot
for package in "$@"; do
  [ -x "$folder/$package/bin/python" ] || "${PYTHON:-python3}" -m venv "$folder/$package"
  requirements "$package" || failed="$failed $package"
done
[ -z "$failed" ] || {
  echo "not installed:$failed" >&2
  exit 1
}
