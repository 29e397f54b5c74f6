// TVM's view of the device.
#pragma once

namespace lab {

void register_device_api();

}  // namespace lab
